"""The kind of attention about a ticket on which nobody works although its tasks are held."""

from __future__ import annotations

from omoi_site.database import sql
from tickets.models.attention.registry import API, Act, Kind, Values
from tickets.models.attention.ticket_kinds import GOES_ON
from tickets.models.explain import ticket_sentences
from tickets.models.explain.sql_fragments import ALL_SILENT, HEARD, silent_holders


def ticket_silent(values: Values) -> str:
    return ticket_sentences.all_silent({"silent": values["details"]})


def requeue(values: Values) -> Act:
    """Of several holders, the first: the item then stays for the others."""
    return Act(
        "Requeue tasks",
        "POST",
        f"{API}/agents/{values['details']['holders'][0]}/requeue",
        {"reason": "it has not been heard from"},
    )


TICKET_SILENT = Kind(
    "ticket_silent",
    "Holder silent",
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
    requeue,
    details=silent_holders("f.ticket_id"),
    indexed=False,
    swept=True,
)
