"""Time in the model, and what the sweeps do."""

from __future__ import annotations

from tests.histories.model.changes import Changes
from tests.histories.model.parts import NEXT, PHASES, STALL, TAKEN, Refused, Task


class Sweeps(Changes):
    def pass_time(self, units: int) -> None:
        self.now += units

    def lapse(self) -> int:
        lapsed = [task for task in self.tasks.values() if self._over(task)]
        for task in lapsed:
            name, fence, again = str(task.holder), task.fence, task.attempts < task.max_attempts
            self._end_claim(task)
            if task.started:
                task.settled = (name, fence, "lapsed" if again else "")
            else:
                task.settled = (name, fence, "")
        return len(lapsed)

    def _end_claim(self, task: Task) -> None:
        """What had not begun costs no attempt."""
        self._return(task)
        if not task.started:
            task.attempts -= 1
            return
        task.limits = 0
        if task.attempts >= task.max_attempts:
            self._end(task, "failed")

    def wake(self) -> int:
        woken = [task for task in self.tasks.values() if task.state == "pending" and self._due(task)]
        for task in woken:
            task.wakes = None
        return len(woken)

    @property
    def is_swept(self) -> bool:
        """Whether the sweeps have nothing to do."""
        return not (
            any(self._over(task) or self._due(task) for task in self.tasks.values())
            or any(
                task.lease is not None and not task.stalled and task.active + STALL < self.now
                for task in self.tasks.values()
            )
            or any(task.timeout_at is not None and task.timeout_at < self.now for task in self.tasks.values())
            or any(
                task.stalled and task.mark and task.active + TAKEN < self.now for task in self.tasks.values()
            )
            or any(self.probe_succeeded(pool) for pool in self.pools.values())
            or any(self.due(pk) for pk in self.tickets)
        )

    def sweep(self, phases: dict[int, str]) -> None:
        """`phases`: where the tickets stand afterwards; which of several goes first is not the model's."""
        self.lapse()
        for task in self.tasks.values():
            if task.lease is not None and task.active + STALL < self.now:
                task.stalled = True
                if task.mark and task.active + TAKEN < self.now:
                    self._end_claim(task)
        for task in self.tasks.values():
            if task.state == "claimed" and task.timeout_at is not None and task.timeout_at < self.now:
                self._end_claim(task)
        self.wake()
        for pool in self.pools.values():
            if self.probe_succeeded(pool):
                self._open(pool)
        self._follow(phases)
        assert not [pk for pk in self.tickets if self.due(pk)], "a ticket did not move on"

    def _follow(self, phases: dict[int, str]) -> None:
        """The moves that are due, up to these phases."""
        for _ in PHASES:
            for pk, ticket in self.tickets.items():
                if ticket.phase != phases[pk] and self.due(pk):
                    self._enter(pk, NEXT[ticket.phase])

    # -- messages say where to look: no more happens than in a sweep

    def advance_tickets(self, tickets: list[int], phases: dict[int, str]) -> None:
        """It also looks at the tickets of messages that wait."""
        stayed = [pk for pk in tickets if self.tickets[pk].phase == phases[pk]]
        self._follow(phases)
        assert not [pk for pk in stayed if self.due(pk)], "a ticket did not move on"

    def fill_phases(self, tickets: list[int], phases: dict[int, str]) -> None:
        if tickets:
            self._follow(phases)
            assert not [pk for pk in self.tickets if self.tickets[pk].phase == "DOING" and self.due(pk)]

    def cut(self, name: str) -> None:
        """What was not committed has not happened, and what was answered before has. Who is full is refused
        before that, unless tasks were assigned to it, or a lease of its has ended.
        """
        self._expect_available(name)
        agent, held = self.agents[name], self.holds(name)
        assigned = agent.assigned and any(not task.started and self._in_time(task) for task in held)
        if not assigned and agent.capacity <= sum(not self._over(task) for task in held):
            raise Refused("CapacityFull")
