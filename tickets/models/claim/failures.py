"""An agent that fails one task after the other is put out of service, so that it spoils no more work.

What counts is a failure that says that the work itself cannot be done or is not right: `permanent` and
`validation`. Three different tasks in a row are too many. A completed task begins anew; other failures,
lapses and releases say little about the agent and change nothing. People do not count, nor do workers: what
they run is what their profiles say. Nor does a validator whose findings are `validation`: to find faults is
its work.
"""

from __future__ import annotations

from collections.abc import Iterable

from agents.models import Agent
from omoi_site.database import sql
from tickets.models.claim.history import OF_HOLDER
from tickets.models.claim.outcome import Outcome

TOO_MANY = 3
EXAMINED = 100  # claims that have ended
BY = "system:failures"
LATEST = sql.statement(
    __file__,
    "failures_in_row",
    of_holder=OF_HOLDER.format(holder="%(holder)s::text"),
    examined=str(EXAMINED),
)
QUOTED = 300  # characters of the last error


def counted_kinds(agent: Agent) -> set[str]:
    if agent.runs_profiles or agent.person:
        return set()
    return {"permanent"} if agent.kind == Agent.Kind.VALIDATOR else {"permanent", "validation"}


def counting(outcomes: Iterable[Outcome], *, by: Agent) -> list[Outcome]:
    """Those of these outcomes that count. If there is one, the caller locks the agent before anything else,
    so that what it does at the same time is counted one after the other.
    """
    kinds = counted_kinds(by)
    return (
        [each for each in outcomes if each.state == "failed" and each.failure_kind in kinds] if kinds else []
    )


def stop_if_too_many(failed: Iterable[Outcome], *, by: Agent) -> None:
    """These failures of `by`, which is locked, have just been written: put it out of service if they are too
    many.
    """
    kinds, tasks = counted_kinds(by), list[str]()  # keys, newest first
    for claim in sql.rows(LATEST, {"holder": by.label}):
        if claim["outcome"] == "task.completed":
            break
        key = f"{claim['topic'].removeprefix('ticket:')}.{claim['subject'].removeprefix('task:')}"
        if claim["kind"] in kinds and key not in tasks:
            tasks.append(key)
    if len(tasks) < TOO_MANY:
        return
    [*_, last] = failed
    named = ", ".join(reversed(tasks[:TOO_MANY]))
    reason = f"{TOO_MANY} tasks in a row failed: {named}. The last error: {last.error[:QUOTED]}"
    with Agent.objects.locked(pk=by.pk) as agent:
        if agent.state == Agent.State.AVAILABLE:
            agent.make_unavailable(by=BY, reason=reason)
