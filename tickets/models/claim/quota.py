"""Quota: what pools allow to be granted, and how a failure closes them.

A pool that is closed grants nothing until its reset, then exactly one claim: the probe. When that one is
completed, the pool is open again; when it meets the limit, the pool is closed for longer; when it ends in any
other way, the next claim is the probe. Claims are counted and granted under the lock of the pool's row, which
is the last lock of a transaction: whoever holds it waits for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from agents.models import Agent, Pool
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import short
from omoi_site.redaction import redact_text
from tickets.models.claim.outcome import Outcome
from tickets.models.task.lane import lower_floors

LONGEST = timedelta(hours=24)  # how far ahead a failure may close a pool
PAUSES = [
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)
]  # without a time of reset, one after another
CLOCK = "system:clock"

LOCK = """
SELECT id
FROM agents_pool
WHERE name = ANY (%(names)s::varchar[])
ORDER BY id
FOR NO KEY UPDATE
"""
OF_TASKS = sql.statement(__file__, "pools_of_tasks")
PROBED = """
SELECT p.name
FROM agents_pool p
JOIN tickets_task t ON t.id = p.probe_task
WHERE t.settled_fence = p.probe_fence
  AND t.settled_as IN ('completed', 'late')
  AND (%(names)s::varchar[] IS NULL OR p.name = ANY (%(names)s::varchar[]))
ORDER BY p.name
"""
DUE = """
SELECT
  p.name,
  clock_timestamp() AS at
FROM agents_pool p
WHERE p.resets_at <= clock_timestamp()
  AND p.came_due_at IS NULL
  AND (%(names)s::varchar[] IS NULL OR p.name = ANY (%(names)s::varchar[]))
ORDER BY p.name
"""


def lock(names: Sequence[str]) -> None:
    """Lock these pools, and open those whose probe has succeeded."""
    if not names:
        return
    sql.rows(LOCK, {"names": list(names)})
    # a new statement: it sees what others did while this waited
    for row in sql.rows(PROBED, {"names": list(names)}):
        pool = Pool.objects.select_related("project").get(name=row["name"])
        pool.reopen(by=CLOCK, data={"task": str(pool.probe_task)})
        pool.save_version()


@sql.atomic
def follow_pools() -> int:
    """Open the pools whose probe has succeeded, and call waiting claims for those whose reset has come;
    returns how many.
    """
    found = sorted({row["name"] for each in (PROBED, DUE) for row in sql.rows(each, {"names": None})})
    lock(found)
    for row in sql.rows(DUE, {"names": found}):
        pool = Pool.objects.select_related("project").get(name=row["name"])
        pool.come_due(by=CLOCK, at=row["at"])
        pool.save_version()
    return len(found)


def meet_limits(outcomes: Sequence[Outcome], *, by: Agent) -> None:
    """Close the pools whose limit these failures met; they have been settled in this transaction, and their
    tasks are ready again.
    """
    tasks = sql.rows(OF_TASKS, {"agent": by.pk, "ids": [outcome.task for outcome in outcomes]})
    lower_floors([task["id"] for task in tasks])
    if any(task["profile"] for task in tasks):
        hints.send("work")
    of_task = {task["id"]: {*task["of_profile"], *task["of_agent"]} for task in tasks}
    met = defaultdict[str, list[Outcome]](list)
    for outcome in outcomes:
        names = of_task.get(outcome.task, set())
        for name in names & {outcome.pool} if outcome.pool else names:
            met[name].append(outcome)
    lock(list(met))
    for pool in Pool.objects.select_related("project").filter(name__in=met).order_by("id"):
        _close(pool, met[pool.name], by=by)


def _close(pool: Pool, outcomes: Sequence[Outcome], *, by: Agent) -> None:
    """Close it until the time that these failures give, once for all of them."""
    if pool.closed_at is not None and pool.resets_at is None:
        return  # somebody closed it, and opens it
    now = sql.rows("SELECT clock_timestamp() AS now")[0]["now"]
    until, decides, pause = pool.resets_at, None, None
    for outcome in outcomes:
        of_probe = not decides and (pool.probe_task, pool.probe_fence) == (outcome.task, outcome.fence)
        given = min(outcome.resets_at, now + LONGEST) if outcome.resets_at else now
        if given > now:
            if until is None or given > until or of_probe:
                until, decides = given, outcome
        # without a time, claims from before it was closed say nothing new
        elif until is None or of_probe:
            pause = pool.pauses = pool.pauses + 1
            until, decides = now + PAUSES[min(pause, len(PAUSES)) - 1], outcome
    if decides:
        pool.shut(
            by=by,
            at=now,
            resets_at=until,
            reason=short(redact_text(decides.error), 300),
            data={"task": str(decides.task), "pause": pause},
        )
        pool.save_version()
