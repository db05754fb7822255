"""Plain automatic moves, of many tickets in one statement: through no gate, and into a phase where the
workflow adds no tasks, tells nobody and limits nothing.

The rules are those of `Transitions.advance`, which makes all other moves; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from agents.models import Actor, label, via
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.context.phase_context import Handover, PhaseContext
from tickets.models.explain.sql_fragments import MOVES_NOW
from tickets.models.journal_sql import ticket_events
from tickets.models.task.lane import lower_floors_of
from tickets.models.task.readiness import NOT_LIMITED, READY
from tickets.models.ticket.room import make_room
from tickets.workflows.document import Plan

BATCH = 100  # tickets in one transaction

LOCK = """
SELECT id
FROM tickets_ticket
WHERE id = ANY (%s)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""
# The automatic move of ticket `k` is due and may be made.
DUE = MOVES_NOW.replace("tickets_ticket.", "k.")
MOVE = sql.statement(
    __file__,
    "plain_moves",
    due=DUE,
    ready=READY,
    not_limited=NOT_LIMITED.format(task="t"),
    that_not_limited=NOT_LIMITED.format(task="o"),
    lower_floors=lower_floors_of("freed"),
    events=ticket_events(
        "due",
        "'ticket.moved'",
        data="jsonb_build_object('from', src, 'to', dst, 'ground', 'ungated')",
    ),
)

BRIEFS = """
UPDATE tickets_ticket k
SET context = b.context, summary = b.summary
FROM jsonb_to_recordset(%s) AS b(id bigint, context jsonb, summary text)
WHERE k.id = b.id
  AND (k.context, k.summary) IS DISTINCT FROM (b.context, b.summary)
"""

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
        and not plan[to].wip
    }


@sql.atomic
def move(ids: Sequence[int], plans: Mapping[int, Plan], *, by: Actor) -> tuple[int, list[int]]:
    """Make the plain moves that are due among these tickets, one after the other, in one transaction. Returns
    how many, and the tickets that may be due still or again.

    A locked ticket is left out, because waiting for it would keep the others locked.
    """
    looking = [row["id"] for row in sql.rows(LOCK, [list(ids)])]
    plain = ways(plans)
    values = {"ways": Jsonb(list(plain.values())), "actor": label(by), "key": via(by)}
    moved, settled = 0, set()
    last: dict[int, dict[str, Any]] = {}  # by ticket, its last move
    left: dict[int, set[str]] = {}
    while looking:
        # with each statement a new snapshot: what another transaction did before the tickets were locked
        rows = sql.rows(MOVE, {"ids": looking, **values})
        moved += len(rows)
        for row in rows:
            last[row["id"]] = row
            left.setdefault(row["id"], set()).add(row["src"])
        settled |= {row["id"] for row in rows if not row["automatic"]}
        if any(row["frees_profiles"] for row in rows):
            hints.send("work")
        for row in rows:
            make_room(row["project_id"], plans[row["workflow_id"]], row["src"])
        looking = [row["id"] for row in rows if (row["workflow_id"], row["dst"]) in plain]
    _hand_over(
        [
            Handover(pk, plans[row["workflow_id"]], row["dst"], row["move"], frozenset(left[pk]))
            for pk, row in last.items()
        ],
        by=by,
    )
    return moved, [pk for pk in ids if pk not in settled]


def _hand_over(handovers: Sequence[Handover], *, by: Actor) -> None:
    briefs = PhaseContext.objects.hand_over(handovers, why=PhaseContext.Why.MOVED, by=by)
    values = [{"id": pk, "context": brief.context, "summary": brief.summary} for pk, brief in briefs.items()]
    sql.rows(BRIEFS, [Jsonb(values)])
