"""What people do with tickets in the model."""

from __future__ import annotations

from tests.histories.model.changes import Changes
from tests.histories.model.parts import NEXT, PHASES, Refused


class Tickets(Changes):
    def pause(self, pk: int) -> None:
        self.tickets[pk].paused = True

    def resume(self, pk: int) -> None:
        self.tickets[pk].paused = False

    def archive(self, pk: int) -> None:
        self.tickets[pk].archived = True

    def restore(self, pk: int) -> None:
        ticket = self.tickets[pk]
        if ticket.archived and ticket.phase == "REVIEW" and self.review_full:
            raise Refused("PhaseFull")
        ticket.archived = False

    def advance(self, pk: int) -> None:
        ticket = self.tickets[pk]
        to = NEXT.get(ticket.phase)
        left = [task for task in self._of(pk) if task.open and (to == "DONE" or task.phase == ticket.phase)]
        if to is None or left:
            raise Refused("TransitionNotAllowed")
        self._enter(pk, to)

    def send_back(self, pk: int) -> None:
        ticket = self.tickets[pk]
        if ticket.phase not in ("DOING", "REVIEW"):
            raise Refused("TransitionNotAllowed")
        self._expect_movable(pk)
        self._revoke(task for task in self._of(pk) if task.phase == ticket.phase)
        self._enter(pk, PHASES[PHASES.index(ticket.phase) - 1], sent=True)

    def block(self, pk: int) -> None:
        if self.tickets[pk].phase not in PHASES[:3]:
            raise Refused("TransitionNotAllowed")
        self._enter(pk, "BLOCKED")

    def unblock(self, pk: int) -> None:
        ticket = self.tickets[pk]
        if ticket.phase != "BLOCKED":
            raise Refused("TransitionNotAllowed")
        self._enter(pk, ticket.origin)

    def cancel_ticket(self, pk: int) -> None:
        ticket = self.tickets[pk]
        if ticket.phase in ("DONE", "CANCELLED"):
            raise Refused("TransitionNotAllowed")
        self._expect_movable(pk)
        for task in self._of(pk):
            if task.open:
                self._return(task)
                task.wakes = None
                task.state, task.ended_no = "cancelled", self.number
        self.decide([task.id for task in self._of(pk) if task.ended_no == self.number])
        self._enter(pk, "CANCELLED")

    def reopen(self, pk: int) -> None:
        ticket = self.tickets[pk]
        if ticket.phase != "CANCELLED":
            raise Refused("TransitionNotAllowed")
        self._enter(pk, ticket.origin, sent=True)
