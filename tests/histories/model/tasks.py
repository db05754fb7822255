"""What people do with tasks in the model."""

from __future__ import annotations

from typing import Any

from tests.histories.model.changes import Changes
from tests.histories.model.parts import BACK_OFF, TIMEOUT, Need, Refused, Task


class Tasks(Changes):
    def add(
        self,
        ticket: int,
        phase: str,
        skills: list[str],
        needs: list[int],
        how: tuple[str, str],
        join: int | None = None,
        needed_by: int | None = None,
        *,
        made: int | None,
    ) -> int:
        task = Task(made or 0, ticket, phase, frozenset(skills), join=join)
        if self._phase_left(task):
            raise Refused("PhaseLeft")
        if needed_by and self.tasks[needed_by].state != "pending":
            raise Refused("NotReady")
        if needed_by and any(self.reaches(needed_by, parent) for parent in needs):
            raise Refused("Cycle")
        assert made is not None
        self.tasks[made] = task
        for parent in needs:
            self.needs[parent, made] = Need(parent, made, *how)
        if needed_by:
            self.needs[made, needed_by] = Need(made, needed_by, "success", "hold")
            self._cancel_hopeless(self.tasks[needed_by])
        self._cancel_hopeless(task)
        return made

    def connect(self, parent: int, child: int, when: str, on_failure: str) -> bool:
        task = self.tasks[child]
        if task.state != "pending":
            raise Refused("NotReady")
        if self.reaches(child, parent):
            raise Refused("Cycle")
        new = (parent, child) not in self.needs
        if new:
            self.needs[parent, child] = Need(parent, child, when, on_failure)
        self._cancel_hopeless(task)
        return new

    def disconnect(self, parent: int, child: int) -> None:
        del self.needs[parent, child]

    def cancel(self, pk: int, dependants: str) -> None:
        task = self.tasks[pk]
        if not task.open:
            raise Refused("NotReady")
        for need in self.needs.values():
            if dependants and need.parent == pk and need.when == "success":
                need.on_failure = dependants
        self._return(task)
        task.wakes = None
        self._end(task, "cancelled")

    def retry(self, pk: int) -> None:
        task = self.tasks[pk]
        if task.state not in ("failed", "cancelled") and not (task.state == "pending" and task.limits >= 5):
            raise Refused("NotReady")
        if self._phase_left(task):
            raise Refused("PhaseLeft")
        self._return(task)
        task.attempts = task.limits = task.rounds = task.claimed_no = task.ended_no = 0
        task.wakes = task.settled = None
        task.started = False

    def bump(self, pk: int) -> None:
        if not self.tasks[pk].open:
            raise Refused("NotReady")

    def edit(self, pk: int, field: str, value: Any) -> None:
        task = self.tasks[pk]
        if not task.open:
            raise Refused("NotReady")
        if field == "capabilities":
            if task.skills != frozenset(value) and task.state != "pending":
                raise Refused("NotReady")
            task.skills = frozenset(value)
        elif field == "max_attempts":
            task.max_attempts = value
        elif field == "not_before" and task.state == "pending":
            task.wakes = self.now + BACK_OFF if value else None
        elif field == "timeout_s" and value != task.timeout:
            task.timeout = value
            if task.lease is not None:
                task.timeout_at = self.now + TIMEOUT if value else None
