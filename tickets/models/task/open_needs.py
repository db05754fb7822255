"""Open needs: how many a pending task still waits for, stored with it so that a claim need not count them.

An operation that waits for nothing any more is completed here, by whatever met its last need.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from tickets.models.coordination import completion
from tickets.models.journal_sql import task_events
from tickets.models.task.lane import lower_floors, lower_floors_of
from tickets.models.task.rank import UNBLOCKS
from tickets.models.task.readiness import MET, NEEDS_MET, READY, WORK, ready_sql

COUNT_NEEDS = sql.statement(__file__, "count_needs", met=MET.strip())
# The caller has locked its tasks in id order.
RECOUNT = sql.statement(
    __file__,
    "recount",
    count_needs=COUNT_NEEDS,
    otherwise_ready=ready_sql("state", "held", open_needs="c.open_needs"),
    ready=READY,
    work=WORK,
    needs_met=NEEDS_MET,
    unblocks=UNBLOCKS.format(task="t"),
)
LOCK_BELOW = sql.statement(__file__, "lock_below", met=MET.strip())
DECIDE = sql.statement(
    __file__,
    "decide",
    met=MET.strip(),
    unblocks=UNBLOCKS.format(task="c"),
    lower_floors=lower_floors_of("decided WHERE freed AND operation = ''"),
    events=task_events(
        "decided WHERE freed AND operation = '' OR newly_unsatisfiable",
        """CASE
    WHEN state = 'cancelled' THEN 'task.cancelled'
    WHEN newly_unsatisfiable THEN 'task.doomed'
    ELSE 'task.readied'
  END""",
        actor="'system:needs'",
        key="''",
    ),
)


@sql.atomic
def recount(ids: Sequence[int]) -> None:
    """Recount what open tasks wait for, rank those that are ready, and complete operations that wait for
    nothing.
    """
    sql.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
    counted = sql.rows(RECOUNT, {"ids": list(ids)})
    ready = [row for row in counted if row["ready"]]
    if ready:
        lower_floors([row["id"] for row in ready])
    if any(row["profile"] for row in ready):
        hints.send("work")
    if operations := [row["id"] for row in counted if row["completes"]]:
        settle_operations(completion.complete(operations))


def lock_below(ended: Sequence[int], *, also: Sequence[int] = ()) -> None:
    """Lock all that the end of these tasks may reach, and `also` these if they are pending.

    All at once, in the order of their ids. Level by level, two ends of tasks could each lock what the other
    wants next.
    """
    sql.rows(LOCK_BELOW, {"ended": list(ended), "also": list(also)})


def decide(ended: Sequence[int], *, deep: bool = True) -> list[int]:
    """Decide the children of tasks that this transaction has just ended, and what that ends. Returns those
    with a profile that are ready now: a hint must tell the workers, see `hint_work`.

    deep: whether any child may end with them; otherwise only the children are locked.
    """
    if ended and deep:
        lock_below(ended)
    left, freed = list(ended), []
    while left:
        children = prepared.rows(DECIDE, {"ended": left})
        freed += [child["id"] for child in children if child["profile"] and child["freed"]]
        over = [child for child in children if child["state"] == "cancelled"]
        if met := [child["id"] for child in children if child["operation"] and child["freed"]]:
            over += completion.complete(met)
        left = [task["id"] for task in over]
        if over:
            hints.send("advance_tickets", sorted({task["ticket_id"] for task in over}))
    return freed


def settle_operations(ended: Sequence[dict[str, Any]]) -> None:
    """Decide the children of operations, {id, ticket_id}, that this transaction has ended; their tickets may
    move on.
    """
    if ended:
        hint_work(decide([task["id"] for task in ended]))
        hints.send("advance_tickets", sorted({task["ticket_id"] for task in ended}))


def hint_work(ready: Collection[int]) -> None:
    """Let workers look, if any task with a profile has become ready: one message, however many there are."""
    if ready:
        hints.send("work")
