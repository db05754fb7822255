"""Why an act on many tasks cannot be done for some of them: the rules of its verb, asked before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.models import Actor, Project, rights
from omoi_site.database import sql
from tickets.models.task.readiness import MOST_RATE_LIMITS
from tickets.models.ticket.past_phases import phase_left
from tickets.models.ticket.transitions import WRITE
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

OFTEN = {"often": str(MOST_RATE_LIMITS)}
OF_IDS = "SELECT unnest(%(ids)s::bigint[]) AS id"
OF_BULK = "SELECT unnest(b.tasks) AS id FROM tickets_bulkbatch b WHERE b.bulk_id = %(bulk)s::bigint"
ONE_BY_ONE = sql.statement(
    __file__, "bulk_tasks", tasks=OF_IDS, ids=", array_agg(t.id ORDER BY t.id) AS ids", **OFTEN
)
GROUPED = sql.statement(__file__, "bulk_tasks", tasks=OF_BULK, ids="", **OFTEN)
# Why not, by code, in words that follow a number of tasks.
WORDS = {
    "forbidden": "in projects where you may not change tasks",
    "completed": "done already",
    "claimed": "at work already",
    "pending": "waiting in the queue already",
    "failed": "failed; retry them first",
    "cancelled": "cancelled already",
    "ended": "no longer open",
    "phase_left": "of tickets that have ended or left the phase of the task",
    "same": "of that priority already",
    "bumped": "first in the queue already",
    "changed": "changed by somebody else meanwhile",
    "error": "left out, because something went wrong",
    "stopped": "not reached before this was stopped",
    "gone": "no longer there",
}


@dataclass(frozen=True)
class Group:
    """Tasks of which the same is true. `ids` only where they were asked for; `example`: the key of one."""

    project: int
    number: int
    example: str
    why_not: str
    ids: Sequence[int] = ()


class Judge:
    """Says of tasks whether `act` is possible for `by`."""

    def __init__(self, act: str, arguments: Mapping[str, Any], *, by: Actor | None) -> None:
        """by: None for a person who has gone, who may do nothing."""
        self.act, self.arguments, self.by = act, arguments, by
        self.permitted: dict[int, bool] = {}  # by project

    def of_tasks(self, ids: Collection[int]) -> list[Group]:
        return self._judged(sql.rows(ONE_BY_ONE, {"ids": list(ids)}))

    def of_bulk(self, bulk: int) -> list[Group]:
        return self._judged(sql.rows(GROUPED, {"bulk": bulk}))

    def _judged(self, rows: Sequence[dict[str, Any]]) -> list[Group]:
        plans = Workflow.objects.plans({row["workflow_id"] for row in rows}) if self.act == "retry" else {}
        return [
            Group(
                row["project_id"],
                row["number"],
                row["example"],
                self._why_not(row, plans.get(row["workflow_id"])),
                row.get("ids", ()),
            )
            for row in rows
        ]

    def _why_not(self, row: dict[str, Any], plan: Plan | None) -> str:
        """The code of WORDS; empty if it is possible."""
        if not self._permitted(row["project_id"]):
            return "forbidden"
        state = row["state"]
        if self.act == "retry":
            if state not in ("failed", "cancelled") and not (state == "pending" and row["limited"]):
                return str(state)
            return "phase_left" if _left(row, plan) else ""
        if state not in ("pending", "claimed"):
            return str(state) if state in ("completed", "cancelled", "failed") else "ended"
        if self.act == "prioritise" and row["priority"] == self.arguments.get("priority"):
            return "same"
        return "bumped" if self.act == "bump" and row["bumped"] else ""

    def _permitted(self, project: int) -> bool:
        if project not in self.permitted:
            self.permitted[project] = self.by is not None and WRITE in rights.scopes(
                self.by, Project.objects.get(pk=project)
            )
        return self.permitted[project]


@dataclass(frozen=True)
class _Ticket:
    """What `phase_left` asks of a ticket."""

    key: str
    plan: Plan


def _left(row: dict[str, Any], plan: Plan | None) -> bool:
    assert plan is not None
    phase = row["ticket_phase"]
    effective = phase if phase in plan else row["origin"]
    ticket: Any = _Ticket(row["example"], plan)
    return phase_left(ticket, phase, effective, row["phase"]) is not None
