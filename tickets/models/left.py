"""What a ticket has left behind: no work is added there, and none taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omoi_site.errors import OmoiError

if TYPE_CHECKING:
    from tickets.models.ticket import Ticket

FOLLOW_UP = "follow_up"  # the kind of link from a ticket to the one in DONE that it continues


class PhaseLeft(OmoiError):
    """The ticket has left the phase this work would belong to."""

    code = "phase_left"
    title = "The ticket has left this phase"


def has_left(ticket: Ticket, standing: str, phase: str) -> bool:
    """Whether work of `phase` would come too late for a ticket that stands in `standing`, a phase of its workflow."""
    plan = ticket.plan
    return plan[standing].terminal or plan[phase].position < plan[standing].position


def phase_left(ticket: Ticket, standing: str, phase: str) -> PhaseLeft:
    """The refusal, with the way out: to send the ticket back, or, where it is done, a new ticket that follows it up."""
    if ticket.plan[standing].terminal:
        return PhaseLeft(
            f"{ticket.key} is in {standing} and takes no more tasks",
            next_action=f"open a new ticket with follow_up {ticket.key}",
            follow_up=ticket.key,
        )
    return PhaseLeft(
        f"{ticket.key} has left {phase} and stands in {standing}: a task there would never be done",
        next_action=f"send {ticket.key} back to {phase} first, or choose a later phase",
    )
