"""Where a ticket could go from where it stands, and what is in the way: the moves' own conditions, asked without moving."""

from __future__ import annotations

from typing import Any

from tickets.models.gate.verdict import Case, judged
from tickets.models.ticket.ticket import Ticket
from tickets.workflows.document import BLOCKED, CANCELLED

Way = dict[str, Any]


def ways(ticket: Ticket) -> list[Way]:
    """Each phase the ticket may go to, as {to, allowed, unmet}; unmet items are {check, code, need, got, how}."""
    if ticket.done or ticket.archived_at:
        return []
    if ticket.phase in (BLOCKED, CANCELLED):
        back = (
            ticket.plan.way_back(ticket.origin)
            if ticket.phase == BLOCKED
            else ticket.plan.up_to(ticket.origin)
        )
        found = [_open(name) for name in back]
        return [*found, _open(CANCELLED)] if ticket.phase == BLOCKED else found
    here = ticket.plan[ticket.phase]
    unmet = _in_the_way(ticket)
    onward = [
        {"to": to, "allowed": not unmet, "unmet": unmet}
        for to in here.to
        if ticket.plan[to].position > here.position
    ]
    back_to = [_open(phase.name) for phase in ticket.plan.phases if phase.position < here.position]
    return [*onward, *back_to, _open(BLOCKED), _open(CANCELLED)]


def _open(to: str) -> Way:
    return {"to": to, "allowed": True, "unmet": []}


def _in_the_way(ticket: Ticket) -> list[dict[str, Any]]:
    """What keeps it from going on: the gate as it would be judged now, and open tasks."""
    unmet = [reason for check in judged(Case(ticket, ticket.phase)) for reason in check["reasons"]]
    left = ticket.tasks.open().filter(phase=ticket.phase).count()
    if left and not any(reason["code"] == "tasks_open" for reason in unmet):
        unmet.append(
            {
                "check": "tasks",
                "code": "tasks_open",
                "need": 0,
                "got": left,
                "how": "complete or cancel them first",
            }
        )
    return unmet
