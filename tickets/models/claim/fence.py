"""Checks that a claim is held, inside the statement that writes; the refusal names the present holder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.explain.sql_fragments import LEASE_HOLDS

# Task `t` is claimed by the agent, under the fence of `i`.
HELD = f"""
  t.id = i.id
  AND t.fence = i.fence
  AND t.state = 'claimed'
  AND t.holder_id = %(agent)s
  AND {LEASE_HOLDS.strip()}"""
# The same in a statement that also asks whether the agent's key holds, with the CTE `held_key`.
HELD_WITH_KEY = f"{HELD}\n  AND {KEY_HOLDS}"
KEY_OF_HOLDER = HELD_KEY.format(agents="agents_agent")
CLAIMS_NOW = sql.statement(__file__, "claims_now")


class ClaimLost(OmoiError):
    """The caller no longer holds this claim: it lapsed, was handed over, or was granted to another."""

    code = "claim_lost"
    title = "This claim is not yours any more"
    next_action = "Stop working on this task, and claim again."


def claims_now(tasks: Sequence[int], by: int | None) -> dict[int, dict[str, Any]]:
    """The present claims of these tasks, by task, for the agent with the id `by`."""
    return {row["id"]: row for row in sql.rows(CLAIMS_NOW, [by, list(tasks)])} if tasks else {}


def lost(now: dict[str, Any] | None) -> ClaimLost:
    """The error for a claim that is not the caller's; `now` is one of `claims_now`. `state` is None if the
    caller may not see the task.
    """
    if now is None or not now["seen"]:
        return ClaimLost("there is no such claim", holder=None, state=None)
    who = f"held by {now['holder']}" if now["holder"] else now["state"]
    message = f"this claim is not yours any more: the task is {who}"
    return ClaimLost(message, holder=now["holder"], state=now["state"])
