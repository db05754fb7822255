"""The SQL that asks, inside the statement of a write, whether the key of the request still holds.

The key's row is locked until the write is committed, and a revocation needs the same lock. So the answer to
a revocation waits for writes that began before it, and a write that waited for a revocation writes nothing.
The order of locks is: agent, key, tasks.
"""

from __future__ import annotations

LIVE = "key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > now())"
# A CTE `held_key`: the key, if it holds and its agent may write, with the state of that agent. `{agents}` has
# the agent's row.
HELD_KEY = f"""
  SELECT
    key.id,
    a.state
  FROM {{agents}} a
  JOIN agents_key key ON key.agent_id = a.id
  WHERE a.id = %(agent)s::bigint
    AND a.state <> 'quarantined'
    AND key.prefix = %(key)s::text
    AND {LIVE}
  FOR KEY SHARE OF key"""
# Workers and commands on the server come without a key.
KEY_HOLDS = "(%(key)s::text = '' OR EXISTS (SELECT FROM held_key))"
