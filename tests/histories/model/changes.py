"""What several acts of the model change."""

from __future__ import annotations

from collections.abc import Iterable

from tests.histories.model.facts import Facts
from tests.histories.model.parts import PHASES, TIMEOUT, Pool, Refused, Task


class Changes(Facts):
    def _of(self, ticket: int) -> list[Task]:
        return [task for task in self.tasks.values() if task.ticket == ticket]

    def _expect_available(self, name: str) -> None:
        if self.agents[name].state != "available":
            raise Refused("AgentUnavailable")

    def _expect_movable(self, pk: int) -> None:
        if self.tickets[pk].archived:
            raise Refused("TransitionNotAllowed")

    def _in_time(self, task: Task) -> bool:
        return task.lease is not None and task.lease > self.now

    def _over(self, task: Task) -> bool:
        return task.lease is not None and task.lease < self.now

    def _due(self, task: Task) -> bool:
        return task.wakes is not None and task.wakes <= self.now

    def _holds(self, name: str, task: Task, fence: int) -> bool:
        theirs = task.state == "claimed" and task.holder == name and task.fence == fence
        return theirs and (name not in self.agents or self._in_time(task))

    def _expect_held(self, name: str, task: Task, fence: int) -> None:
        if not self._holds(name, task, fence):
            raise Refused("ClaimLost")

    def _may_be_late(self, name: str, task: Task) -> bool:
        if name not in self.agents:
            return False
        lapsed = task.state == "pending" and task.settled == (name, task.fence, "lapsed")
        unseen = task.state == "claimed" and task.holder == name and task.attempts < task.max_attempts
        in_time = not (task.timeout and task.started) or task.began + TIMEOUT > self.now
        ticket = self.tickets[task.ticket]
        kept = (ticket.paused or ticket.archived) and ticket.phase != "BLOCKED"
        return (lapsed or unseen) and in_time and (not self.held(task) or kept)

    def _phase_left(self, task: Task) -> bool:
        ticket = self.tickets[task.ticket]
        where = ticket.phase if ticket.phase in PHASES else ticket.origin
        return (
            ticket.phase == "CANCELLED" or where == "DONE" or PHASES.index(task.phase) < PHASES.index(where)
        )

    def _return(self, task: Task) -> None:
        task.state, task.holder, task.lease, task.timeout_at, task.stalled = (
            "pending",
            None,
            None,
            None,
            False,
        )

    def _revoke(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            if task.state == "claimed":
                self._return(task)
                task.attempts -= 1
            elif task.state == "pending" and task.settled and task.settled[2] == "lapsed":
                task.settled = (*task.settled[:2], "")

    def _open(self, pool: Pool) -> None:
        pool.closed, pool.resets, pool.probe = False, None, None

    def _end(self, task: Task, state: str) -> None:
        task.state, task.ended_no = state, self.number
        self.decide([task.id])

    def decide(self, ended: list[int]) -> None:
        """What the end of these tasks cancels."""
        while ended:
            over = []
            for child in self.tasks.values():
                lost = [
                    need
                    for need in self.needs_of(child)
                    if need.parent in ended and not self.met(need) and need.on_failure == "cancel"
                ]
                if child.state == "pending" and self.unsatisfiable(child) and lost:
                    over.append(child)
            for child in over:
                child.state, child.ended_no = "cancelled", self.number
            ended = [child.id for child in over]

    def _cancel_hopeless(self, task: Task) -> None:
        lost = [
            need
            for need in self.needs_of(task)
            if self.ended(need) and not self.met(need) and need.on_failure == "cancel"
        ]
        if task.state == "pending" and self.unsatisfiable(task) and lost:
            task.wakes = None
            self._end(task, "cancelled")

    def _enter(self, pk: int, to: str, *, sent: bool = False) -> None:
        self._expect_movable(pk)
        ticket = self.tickets[pk]
        if to == "REVIEW" and self.review_full:
            raise Refused("PhaseFull")
        back = to in PHASES and ticket.phase == "BLOCKED"
        if to in PHASES:
            ticket.origin = to
        if to not in ("BLOCKED",) and not back:
            ticket.sent_no = self.number if sent else None
        ticket.phase = to
