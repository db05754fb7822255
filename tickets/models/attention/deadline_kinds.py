"""Kinds of attention about deadlines of tasks."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.registry import Kind, Values, see_why
from tickets.models.attention.ticket_kinds import GOES_ON
from tickets.models.explain import sentences
from tickets.models.task.readiness import EXPECTED_LATE, OVERDUE

DETAILS = sql.statement(__file__, "deadline_details")


def late(values: Values) -> str:
    task = values["details"]
    holder = f"; {humanize.actor(task['holder'])} works on it" if task["holder"] else ""
    return sentences.late(task["over_s"], task["late_s"]) + holder


OVERDUE_TASK = Kind(
    "overdue",
    "Overdue",
    "bad",
    "clock",
    sql.statement(__file__, "deadline", since="t.deadline", goes_on=GOES_ON, late=OVERDUE),
    late,
    see_why,
    details=DETAILS,
)
EXPECTED_LATE_TASK = Kind(
    "expected_late",
    "Expected late",
    "warn",
    "clock",
    sql.statement(__file__, "deadline", since="t.late_since", goes_on=GOES_ON, late=EXPECTED_LATE),
    late,
    see_why,
    details=DETAILS,
)
