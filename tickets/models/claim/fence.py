"""Checks that a claim is held, inside the statement that writes; the refusal names the present holder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.explain.sql_fragments import LEASE_HOLDS, RUNS_ALONE

# Of task `t`, whose fence is that of the claim: the agent holds it. It is asked in such a way that only the
# id finds the task. With statistics from a time without claims, PostgreSQL takes the indexes of states,
# holders or leases for empty, and would read all claims once for each task.
HOLDS = f"""
  t.state IS NOT DISTINCT FROM 'claimed'
  AND t.holder_id IS NOT DISTINCT FROM %(agent)s
  AND coalesce({LEASE_HOLDS.strip()}, false)"""
# Of the same: the agent's lease has ended, but nobody was granted the task since, and whoever takes claims
# away has not taken this one. So the agent may still complete it.
MAY_BE_LATE = sql.statement(__file__, "may_be_late", runs_alone=RUNS_ALONE.format(task="t")).rstrip()


def _held(task: str, fence: str) -> str:
    """Task `t` is this one, claimed by the agent under this fence."""
    return f"""
  t.id = {task}
  AND t.fence = {fence}
  AND {HOLDS.strip()}"""


# Each task of a list `i`; with the CTE `held_key` also whether the agent's key holds; and the task of the
# parameters.
HELD = _held("i.id", "i.fence")
HELD_OR_LATE_WITH_KEY = f"""
  t.id = i.id
  AND t.fence = i.fence
  AND ({HOLDS} OR i.outcome = 'completed' AND ({MAY_BE_LATE}))
  AND {KEY_HOLDS}"""
HELD_WITH_KEY = f"{HELD}\n  AND {KEY_HOLDS}"
ONE_HELD_WITH_KEY = f"{_held('%(task)s', '%(fence)s')}\n  AND {KEY_HOLDS}"
# The same for a person, who holds without a lease, and whose key is held since their right was asked.
HELD_BY_HAND = """
  t.id = {task}
  AND t.fence = {fence}
  AND t.state IS NOT DISTINCT FROM 'claimed'
  AND t.holder_id IS NOT DISTINCT FROM %(agent)s"""
NO_KEY = "\n  SELECT"  # in place of the CTE `held_key`
KEY_OF_HOLDER = HELD_KEY.format(agents="agents_agent")
CLAIMS_NOW = sql.statement(__file__, "claims_now", may_be_late=MAY_BE_LATE)


NOT_YOURS = "this claim is not yours any more"


class ClaimLost(OmoiError):
    """The caller no longer holds this claim: it lapsed, was handed over, or was granted to another."""

    code = "claim_lost"
    title = "This claim is not yours any more"
    next_action = "Stop working on this task, and claim again."

    @property
    def reason(self) -> str:
        """Why the claim is lost, as a holder hears it with a heartbeat."""
        return self.message.removeprefix(f"{NOT_YOURS}: ")


def claims_now(tasks: Sequence[int], by: int | None) -> dict[int, dict[str, Any]]:
    """The present claims of these tasks, by task, for the agent with the id `by`."""
    return (
        {row["id"]: row for row in sql.rows(CLAIMS_NOW, {"agent": by, "ids": list(tasks)})} if tasks else {}
    )


def lost(now: dict[str, Any] | None, fence: int | None) -> ClaimLost:
    """The error for a claim under this fence that is not the caller's; `now` is one of `claims_now`. `state`
    is None if the caller may not see the task.
    """
    if now is None or not now["seen"]:
        return ClaimLost("there is no such claim", holder=None, state=None)
    message, next_action = _said(now, fence)
    return ClaimLost(message, next_action=next_action, holder=now["holder"], state=now["state"])


def may_be_late(now: dict[str, Any] | None, fence: int | None) -> bool:
    """Whether the completion of a lost claim would still be taken."""
    return bool(now and now["fence"] == fence and now["may_be_late"])


def _said(now: dict[str, Any], fence: int | None) -> tuple[str, str]:
    """What is said of a lost claim, and what to do instead of stopping."""
    if may_be_late(now, fence):
        return (
            "the lease of this claim has ended; of it only a completion is still taken",
            f"Finish, and complete it (POST /tasks/{now['id']}/completion): that is taken as long as nobody"
            " is granted the task before. Or stop working on it, and claim again.",
        )
    if now["own"] and now["fence"] != fence:
        kind = "an earlier claim" if fence is not None and fence < now["fence"] else "no claim"
        return (
            f"fence {fence} is of {kind} of this task: your present claim has fence {now['fence']}",
            f"Send fence {now['fence']} if you work under that claim"
            " (GET /agents/me/brief lists your claims)."
            " If not, stop working on this task: another process works on it under your name.",
        )
    if now["own"]:
        return "the lease of this claim has ended", ""
    who = f"held by {now['holder']}" if now["holder"] else now["state"]
    if now["by_person"]:
        return (
            f"you do not hold this task: it is {who}",
            "If it is still to do, take it first: Take beside the task on its page, or"
            f" POST /tasks/{now['id']}/assignment with yourself (me).",
        )
    return f"{NOT_YOURS}: the task is {who}", ""
