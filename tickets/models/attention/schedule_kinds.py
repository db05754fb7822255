"""Kinds of attention about schedules."""

from __future__ import annotations

from omoi_site.database import sql
from tickets.models.attention.registry import API, Act, Kind, Values


def owed(values: Values) -> str:
    run = values["details"]
    others = run["owed"] - 1
    more = f"; {others} more {'is' if others == 1 else 'are'} owed after it" if others else ""
    return f"a run of the schedule of {run['about']} is owed: {run['detail']}{more}"


def see_schedule(values: Values) -> Act:
    return Act("See the schedule", "GET", f"{API}/schedules/{values['details']['schedule']}")


SCHEDULE_OWED = Kind(
    "schedule_owed",
    "Schedule owed",
    "warn",
    "clock",
    sql.statement(__file__, "schedule_owed"),
    owed,
    see_schedule,
    details=sql.statement(__file__, "schedule_owed_details"),
)
