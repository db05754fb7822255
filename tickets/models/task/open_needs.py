"""Open needs: how many a pending task still waits for, stored with it so that a claim need not count them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from tickets.models.journal_sql import task_events
from tickets.models.task.lane import lower_floors, lower_floors_of
from tickets.models.task.rank import UNBLOCKS
from tickets.models.task.readiness import MET, READY, ready_sql

COUNT_NEEDS = sql.statement(__file__, "count_needs", met=MET.strip())
# The caller has locked its tasks in id order.
RECOUNT = sql.statement(
    __file__,
    "recount",
    count_needs=COUNT_NEEDS,
    otherwise_ready=ready_sql("state", "held", open_needs="c.open_needs"),
    ready=READY,
    unblocks=UNBLOCKS.format(task="t"),
)
DECIDE = sql.statement(
    __file__,
    "decide",
    met=MET.strip(),
    unblocks=UNBLOCKS.format(task="c"),
    lower_floors=lower_floors_of("decided WHERE freed"),
    events=task_events(
        "decided WHERE freed OR newly_unsatisfiable",
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
    """Recount what pending tasks wait for, and rank those that are ready."""
    sql.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
    counted = sql.rows(RECOUNT, {"ids": list(ids)})
    ready = [row for row in counted if row["ready"]]
    if ready:
        lower_floors([row["id"] for row in ready])
    if any(row["profile"] for row in ready):
        hints.send("work")


def decide(ended: Sequence[int]) -> list[int]:
    """Decide the children of tasks that this transaction has just ended. Returns those with a profile that
    are ready now: a hint must tell the workers, see `hint_work`.
    """
    left, freed = list(ended), []
    while left:
        children = prepared.rows(DECIDE, {"ended": left})
        freed += [child["id"] for child in children if child["profile"] and child["freed"]]
        left = [child["id"] for child in children if child["state"] == "cancelled"]
        if left:
            hints.send(
                "advance_tickets",
                sorted({child["ticket_id"] for child in children if child["state"] == "cancelled"}),
            )
    return freed


def hint_work(ready: Collection[int]) -> None:
    """Let workers look, if any task with a profile has become ready: one message, however many there are."""
    if ready:
        hints.send("work")
