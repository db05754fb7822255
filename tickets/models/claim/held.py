"""Whether a claim is held: asked in the statement that writes, and refused with who holds it now."""

from __future__ import annotations

from typing import Any

from omoi_site.errors import OmoiError
from tickets.models.explain.obstacles import LEASE_HOLDS

# Task `t` is claimed by the agent, under the fence of `i`.
HELD = (
    f"t.id = i.id AND t.fence = i.fence AND t.state = 'claimed' AND t.holder_id = %(agent)s AND {LEASE_HOLDS}"
)
LOST = """
SELECT t.id, t.state, t.fence, t.settled_by, t.settled_fence, t.settled_as, a.name AS holder FROM tickets_task t LEFT JOIN agents_agent a ON a.id = t.holder_id
WHERE t.id = ANY (%s)
"""


class ClaimLost(OmoiError):
    """The caller no longer holds this claim: it lapsed, was handed over or was given to another."""

    code = "claim_lost"
    title = "This claim is not yours any more"
    next_action = "stop the work on this task and claim again"


def lost(now: dict[str, Any] | None) -> ClaimLost:
    """The refusal for a claim that `now` (state, holder) is not the caller's."""
    if now is None:
        return ClaimLost("there is no such claim", holder=None)
    who = f"held by {now['holder']}" if now["holder"] else now["state"]
    return ClaimLost(
        f"this claim is not yours any more: the task is {who}", holder=now["holder"], state=now["state"]
    )
