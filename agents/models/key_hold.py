"""A write with a key asks in its transaction whether the key still holds, and locks it until the end.

A revocation needs the same lock. So its answer waits for the writes that began before it, and a write that
waited for a revocation writes nothing. The verbs of claims ask in their own statements instead
(`agents.models.key_sql`).
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from agents.models.actor import Actor, pk_of, via
from agents.models.key_sql import LIVE
from omoi_site.database import prepared
from omoi_site.errors import OmoiError

ENDED = "this key is unknown, revoked or expired"
HOLD = f"""
SELECT a.state
FROM agents_key key
LEFT JOIN agents_agent a ON a.id = key.agent_id
WHERE key.prefix = %(key)s::text
  AND {LIVE}
FOR KEY SHARE OF key
"""


class Unauthorized(OmoiError):
    """The request has no credential, or one that is not valid."""

    code = "unauthorized"
    status = 401
    title = "Sign in first"
    next_action = (
        "Send `Authorization: Bearer omoi_<prefix>_<secret>`;"
        " an operator creates keys with `python3 manage.py keys create`."
    )


def hold(by: Actor) -> None:
    """Lock the key that `by` used until the transaction ends, once. Raises Unauthorized if it has ended, and
    AgentUnavailable if its agent is quarantined. Outside of a transaction it does nothing.
    """
    used, link = via(by), connection
    if not used or not link.in_atomic_block or used in link.held_keys:  # type: ignore[attr-defined]  # ours
        return
    rows = prepared.rows(HOLD, {"key": used})
    if not rows:
        raise Unauthorized(ENDED)
    if rows[0]["state"] == "quarantined":
        agent: Any = type(by)
        agent.objects.get(pk=pk_of(by)).expect_to_write()
    link.held_keys.add(used)  # type: ignore[attr-defined]  # ours
