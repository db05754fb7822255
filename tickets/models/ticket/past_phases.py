"""Phases in which no work can be done any more: no task is added there, and none is retried."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models.ticket.fields import TicketFields
from tickets.workflows.document import CANCELLED

FOLLOW_UP = "follow_up"  # the kind of link from a ticket to the one in DONE that it continues


class PhaseLeft(OmoiError):
    """The ticket has left the phase of this work, or it is the ticket's last phase."""

    code = "phase_left"
    title = "No work can be done in this phase of the ticket"


def phase_left(ticket: TicketFields, current: str, effective: str, phase: str) -> PhaseLeft | None:
    """Why work in `phase` would never be done, and what to do; None if it can be done.

    current: the ticket's phase. effective: the same, or for a blocked or cancelled ticket the phase it came
    from.
    """
    plan = ticket.plan
    if current == CANCELLED:
        return PhaseLeft(
            f"{ticket.key} is cancelled and takes no more tasks", next_action=f"Reopen {ticket.key} first."
        )
    if plan[effective].terminal:
        return PhaseLeft(
            f"{ticket.key} is in {humanize.phase(effective)} and takes no more tasks",
            next_action=f"Open a new ticket that follows {ticket.key} up.",
            follow_up=ticket.key,
        )
    if plan[phase].terminal:
        return PhaseLeft(
            f"{ticket.key} is done when it reaches {humanize.phase(phase)}, so a task there cannot be done",
            next_action=f"Choose a phase before {humanize.phase(phase)}.",
        )
    if plan[phase].position < plan[effective].position:
        return PhaseLeft(
            f"{ticket.key} has left {humanize.phase(phase)} and is now in {humanize.phase(effective)},"
            f" so a task of {humanize.phase(phase)} would never be done",
            next_action=f"Send {ticket.key} back to {humanize.phase(phase)} first, or choose a later phase.",
        )
    return None
