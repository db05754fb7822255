"""Destinations: where each move could lead a ticket from its phase."""

from __future__ import annotations

from tickets.models.ticket.fields import TicketFields
from tickets.workflows.document import BLOCKED, CANCELLED

LEADS_TO = {"block": BLOCKED, "cancel": CANCELLED}  # moves with a single destination


class Destinations(TicketFields):
    class Meta:
        abstract = True

    def verb_to(self, to: str, *, force: bool = False) -> str:
        """The verb of the move that leads to `to`."""
        if force:
            return "force"
        if to == BLOCKED:
            return "block"
        if to == CANCELLED:
            return "cancel"
        if self.phase == BLOCKED:
            return "unblock"
        if self.phase == CANCELLED:
            return "reopen"
        return "advance" if self.is_later(to) else "send_back"

    def destinations(self, verb: str) -> list[str]:
        """The possible destinations of this move from the ticket's phase; for `advance`, the usual one
        first.
        """
        phase, plan = self.phase, self.plan
        match verb:
            case "unblock":
                return [*plan.way_back(self.origin)] if phase == BLOCKED else []
            case "reopen":
                return [*plan.up_to(self.origin)] if phase == CANCELLED else []
            case "force":
                return [] if self.closed else [other.name for other in plan.phases if other.name != phase]
            case "cancel":
                return [] if self.closed else [CANCELLED]
        if phase not in plan or self.done:
            return []
        match verb:
            case "advance":
                return [to for to in plan[phase].to if self.is_later(to)]
            case "send_back":
                return [to for to in plan.up_to(phase) if to != phase]
            case "block":
                return [BLOCKED]
        raise ValueError(verb)

    def usual_destination(self, verb: str) -> str:
        """The default destination of this move; empty if it is not possible, and for `force`."""
        phases = self.destinations(verb) if verb != "force" else []
        usual = reversed(phases) if verb in ("send_back", "unblock", "reopen") else iter(phases)
        return next(usual, "")
