"""Automatic moves into phases that limit how many tickets stand in them: the longest waiting come first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from omoi_site.database import sql
from tickets.models.explain.sql_fragments import MOVES_NOW, TURNED_DOWN
from tickets.models.freeze.frozen import frozen
from tickets.models.ticket.room import room
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

TRIED = 50  # tickets that wait to be sent back
SPARE = 5  # tickets tried beyond those for which there is room: a gate may keep the first ones
DUE_INTO_LIMITED = sql.statement(
    __file__,
    "due_into_limited",
    due=MOVES_NOW.replace("tickets_ticket.", "k."),
    since=sql.statement(__file__, "due_since", since="k.phase_since").strip(),
)
GO_BACK = {
    "frozen": frozen("k.project_id"),
    "turned_down": TURNED_DOWN,
}
WAIT_TO_GO_BACK = sql.statement(
    __file__, "waits_to_go_back", which="k.project_id = ANY (%(projects)s)", **GO_BACK
)
WAIT_BETWEEN = sql.statement(
    __file__, "waits_to_go_back", which="k.id > %(after)s AND k.id <= %(upto)s", **GO_BACK
)


def limited(plan: Plan, phase: str) -> str:
    """The phase with a limit into which a ticket moves from this one by itself; empty if it has none."""
    after = plan.after(phase) if phase in plan and plan[phase].automatic else None
    return after if after and plan[after].wip else ""


def oldest_first(projects: Collection[int]) -> list[int]:
    """The tickets that fill the phases with room in these projects, those that wait longest first."""
    due = sql.rows(DUE_INTO_LIMITED, {"projects": sorted(projects), "spare": SPARE})
    plans = Workflow.objects.plans({row["workflow_id"] for row in due})
    return [pk for group in _by_phase(due, plans).values() for pk in _first(group, plans)]


def waiting_to_go_back(projects: Collection[int]) -> list[int]:
    """The tickets of these projects that wait to be sent back into a phase that was full, the longest waiting
    first.
    """
    rows = sql.rows(WAIT_TO_GO_BACK, {"projects": sorted(projects), "most": TRIED})
    return [row["id"] for row in rows]


def waiting_between(after: int, upto: int) -> list[int]:
    """The same among the tickets with these ids."""
    return [row["id"] for row in sql.rows(WAIT_BETWEEN, {"after": after, "upto": upto, "most": SPARE})]


def _by_phase(
    due: Collection[dict[str, Any]], plans: Mapping[int, Plan]
) -> dict[tuple[int, str, str], list[dict[str, Any]]]:
    groups: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for row in due:
        plan = plans[row["workflow_id"]]
        if to := limited(plan, row["phase"]):
            groups.setdefault((row["project_id"], plan.name, to), []).append(row)
    return groups


def _first(group: list[dict[str, Any]], plans: Mapping[int, Plan]) -> Iterator[int]:
    first = group[0]
    plan = plans[first["workflow_id"]]
    free = room(first["project_id"], first["workflow_id"], plan, limited(plan, first["phase"]))
    yield from (row["id"] for row in group[: free + SPARE])
