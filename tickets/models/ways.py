"""Where a ticket could go from where it stands, and what is in the way: the moves' own conditions, asked without moving."""

from __future__ import annotations

from typing import Any

from tickets.models.ticket import Ticket
from tickets.workflow import BLOCKED, CANCELLED

Way = dict[str, Any]


def ways(ticket: Ticket) -> list[Way]:
    """Each phase the ticket may go to, as {to, allowed, unmet}; unmet items are {check, code, need, got, how}."""
    if ticket.done:
        return []
    if ticket.phase in (BLOCKED, CANCELLED):
        back = ticket.plan[ticket.origin].position
        found = [_open(phase.name) for phase in ticket.plan.phases if phase.position <= back]
        return [*found, _open(CANCELLED)] if ticket.phase == BLOCKED else found
    here = ticket.plan[ticket.phase]
    onward = [_after_tasks(ticket, to) for to in here.to if ticket.plan[to].position > here.position]
    back_to = [_open(phase.name) for phase in ticket.plan.phases if phase.position < here.position]
    return [*onward, *back_to, _open(BLOCKED), _open(CANCELLED)]


def _open(to: str) -> Way:
    return {"to": to, "allowed": True, "unmet": []}


def _after_tasks(ticket: Ticket, to: str) -> Way:
    left = ticket.tasks.open().filter(phase=ticket.phase).count()
    unmet = [{"check": "tasks", "code": "tasks_open", "need": 0, "got": left, "how": "complete or cancel them first"}] if left else []
    return {"to": to, "allowed": not left, "unmet": unmet}
