"""The kind of attention about a ticket on which nobody works although its tasks are held."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.registry import Kind, Values, see_why
from tickets.models.attention.ticket_kinds import GOES_ON
from tickets.models.explain import task_sentences
from tickets.models.explain.sentences import counted
from tickets.models.explain.sql_fragments import ALL_SILENT, HEARD


def ticket_silent(values: Values) -> str:
    """Its first lease may have ended since, which the clock is about to see."""
    claims = values["details"]
    holders = sorted(claims["holders"])
    others = " and others" if claims["more"] else ""
    number = 2 if others else len(holders)
    silence = task_sentences.silence(humanize.length(claims["silent_s"]), number)
    left = humanize.length(max(0, claims["lease_s"]))
    held = f"{'holds' if number == 1 else 'hold'} {counted('task', claims['tasks'])} of it"
    return f"{', '.join(holders)}{others} {held}, but {silence}; the first lease ends in {left}"


TICKET_SILENT = Kind(
    "ticket_silent",
    "Ticket silent",
    "warn",
    "triangle-alert",
    sql.statement(
        __file__,
        "ticket_silent",
        heard=HEARD,
        all_silent=ALL_SILENT,
        goes_on=GOES_ON,
    ),
    ticket_silent,
    see_why,
    details=sql.statement(__file__, "ticket_silent_details"),
    indexed=False,
)
