"""How fast tickets get through a workflow, worked out from their history: `statistics`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.models import Actor, Project
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.workflow import Workflow

DAYS, MOST_DAYS = 90, 3_660
STATISTICS = sql.statement(__file__, "workflow_statistics")


@dataclass(frozen=True)
class Quantiles:
    """Half of the tickets took at most `p50`, 95 of 100 at most `p95`."""

    p50: timedelta
    p95: timedelta


@dataclass(frozen=True)
class EstimateRecord:
    """How the estimates of the done tickets held, each made when its ticket entered a phase.

    in_time: the share that was done by `likely_by`; near 0.8 is right. error: half of them were off from
    `expected_at` by at most this, to either side.
    """

    count: int
    in_time: float
    error: timedelta


@dataclass(frozen=True)
class WorkflowStatistics:
    """The tickets of all versions of a workflow, in the projects that the reader sees.

    since: the begin of the window; only what ended in it counts, but for `open` and `blocked`.
    open: tickets that are neither done nor cancelled nor archived, now. blocked: those of them in BLOCKED.
    done: tickets that reached a last phase in the window. A ticket that was opened in a last phase, as an
    import does, is not counted: nobody worked on it here.
    cancelled: tickets that were cancelled in the window.
    lead_time: from the opening of a done ticket (move 0 of its history) to its move into the last phase.
    cycle_time: the same from its first move on (ground `ungated`, `verdict` or `forced`), when work began.
    reopen_rate: of the tickets that were done or cancelled in the window, the share that was taken up again
    since: reopened (ground `reopened`), or continued by a follow-up.
    blocked_ratio: of the lead times of the done tickets, all together, the share that they were in BLOCKED.
    estimates: those that were made for the done tickets.
    A value is None where no ticket counts.
    """

    workflow: str
    since: datetime
    open: int
    blocked: int
    done: int
    cancelled: int
    lead_time: Quantiles | None
    cycle_time: Quantiles | None
    reopen_rate: float | None
    blocked_ratio: float | None
    estimates: EstimateRecord | None


def statistics(
    name: str = "", *, by: Actor, project: Project | None = None, days: int = DAYS
) -> list[WorkflowStatistics]:
    """Of this workflow, or of all, by name, over the last `days`. `project`: only of its tickets."""
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"must be between 1 and {MOST_DAYS}", field="days")
    seen = Project.objects.seen_by(by)
    projects = seen.filter(pk=project.pk) if project else seen
    rows = sql.rows(
        STATISTICS,
        {
            "name": name.replace("\0", "?"),
            "days": days,
            "projects": list(projects.values_list("pk", flat=True)),
        },
    )
    if name and not rows:
        Workflow.objects.existing(name)
    return [_statistics(row) for row in rows]


def _statistics(row: dict[str, Any]) -> WorkflowStatistics:
    row["lead_time"], row["cycle_time"] = (
        times and Quantiles(*(timedelta(seconds=float(seconds)) for seconds in times))
        for times in (row["lead_time"], row["cycle_time"])
    )
    row["blocked_ratio"] = None if row["blocked_ratio"] is None else float(row["blocked_ratio"])
    number, in_time, error_s = (row.pop(f"estimates_{name}") for name in ("count", "in_time", "error_s"))
    estimates = EstimateRecord(number, float(in_time), timedelta(seconds=error_s)) if number else None
    return WorkflowStatistics(**row, estimates=estimates)
