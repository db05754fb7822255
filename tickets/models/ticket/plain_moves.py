"""Plain automatic moves, of many tickets in one statement: through no gate, and into a phase where the
workflow adds no tasks and tells nobody.

The rules are those of `Transitions.advance`, which makes all other moves; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from agents.models import Actor, label, via
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.explain.sql_fragments import MOVE_DUE
from tickets.models.journal_sql import ticket_events
from tickets.models.task.lane import lower_floors_of
from tickets.models.task.readiness import READY
from tickets.workflows.document import Plan

BATCH = 100  # tickets in one transaction

LOCK = """
SELECT id
FROM tickets_ticket
WHERE id = ANY (%s)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""
MOVE = sql.statement(
    __file__,
    "plain_moves",
    due=MOVE_DUE,
    ready=READY,
    lower_floors=lower_floors_of("freed"),
    events=ticket_events(
        "due",
        "'ticket.moved'",
        data="jsonb_build_object('from', src, 'to', dst, 'ground', 'ungated')",
    ),
)

# By workflow version and phase: the row of `ways` in the statement.
Ways = Mapping[tuple[int, str], dict[str, Any]]


def ways(plans: Mapping[int, Plan]) -> Ways:
    """The plain automatic moves of these workflow versions."""
    return {
        (workflow, phase.name): {
            "workflow_id": workflow,
            "src": phase.name,
            "dst": to,
            "last": plan[to].terminal,
            "automatic": bool(plan[to].automatic),
            "open_in": sorted(plan.open_in(to)),
        }
        for workflow, plan in plans.items()
        for phase in plan.phases
        if phase.automatic
        and not phase.gate
        and (to := plan.after(phase.name))
        and not plan.enters_with_more(to)
    }


@sql.atomic
def move(ids: Sequence[int], ways: Ways, *, by: Actor) -> tuple[int, list[int]]:
    """Make the plain moves that are due among these tickets, one after the other, in one transaction. Returns
    how many, and the tickets that may be due still or again.

    A locked ticket is left out, because waiting for it would keep the others locked.
    """
    looking = [row["id"] for row in sql.rows(LOCK, [list(ids)])]
    values = {"ways": Jsonb(list(ways.values())), "actor": label(by), "key": via(by)}
    moved, settled = 0, set()
    while looking:
        # with each statement a new snapshot: what another transaction did before the tickets were locked
        rows = sql.rows(MOVE, {"ids": looking, **values})
        moved += len(rows)
        settled |= {row["id"] for row in rows if not row["automatic"]}
        if any(row["frees_profiles"] for row in rows):
            hints.send("work")
        looking = [row["id"] for row in rows if (row["workflow_id"], row["dst"]) in ways]
    return moved, [pk for pk in ids if pk not in settled]
