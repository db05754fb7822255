"""Kinds of attention about the installation as a whole: one item, whatever project is asked for.

They are told by the rows that others leave, so they need neither the clock nor the broker themselves.
"""

from __future__ import annotations

from django.conf import settings

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.registry import Act, Kind, Values
from tickets.models.explain.sql_fragments import CLOCK_LATE_SINCE, HEARD
from tickets.models.sweep_run import CANNOT_SEND

READY = "/readyz"


def clock_late(values: Values) -> str:
    late = values["details"]
    silence = humanize.length(late["late_s"])
    how_long = f"no clock has run for {silence}" if late["ran"] else "no clock has ever run"
    return (
        f"{how_long}, so lapsed claims are not ended and what is due is not done."
        " Start it: python3 manage.py clock, or all of Omoi: python3 manage.py up"
    )


def broker_late(values: Values) -> str:
    late = values["details"]
    if late["error"]:
        return (
            f"a process could send no message for {humanize.length(late['late_s'])}, so work starts late:"
            f" {late['error']}"
        )
    return (
        f"a message has waited for {humanize.length(late['late_s'])} although a worker is heard from, so work"
        " starts late. Start the worker again: python3 manage.py worker"
    )


def see_what_runs(values: Values) -> Act:
    return Act("See what runs", "GET", READY)


def broker_kind(*, ours: bool) -> Kind:
    """ours: messages are rows of our database. The oldest that nobody takes then tells, while there is a
    worker to take it; without any, tasks wait for a worker, and are listed so.
    """
    rows = (
        sql.statement(__file__, "messages_wait", heard=HEARD)
        if ours
        else sql.statement(__file__, "messages_kept", cannot_send=CANNOT_SEND)
    )
    details = sql.statement(__file__, "broker_late_details", cannot_send=CANNOT_SEND, ours=str(ours).lower())
    return Kind(
        "broker_late",
        "Broker late",
        "bad",
        "triangle-alert",
        rows,
        broker_late,
        see_what_runs,
        details=details,
        installation=True,
    )


CLOCK_LATE = Kind(
    "clock_late",
    "Clock late",
    "bad",
    "clock",
    sql.statement(__file__, "clock_late", late_since=CLOCK_LATE_SINCE.strip()),
    clock_late,
    see_what_runs,
    details=sql.statement(__file__, "clock_late_details"),
    installation=True,
)
BROKER_LATE = broker_kind(ours=not settings.BROKER_URL)
