"""How claims end in the model by their holders."""

from __future__ import annotations

from tests.histories.model.changes import Changes
from tests.histories.model.parts import AVOIDED, BACK_OFF, RESET, SAME, TOO_MANY, Need, Task

SETTLED = {"completed": ("completed", "late"), "failed": ("failed",)}


class Settlements(Changes):
    def settle(self, name: str, pk: int, fence: int, how: str, made: int | None = None) -> tuple[str, str]:
        """`how`: completed, or the kind of the failure. made: the fix that a failed validation makes."""
        task = self.tasks[pk]
        asked = "completed" if how == "completed" else "failed"
        late = not self._holds(name, task, fence)
        if late and not (asked == "completed" and task.fence == fence and self._may_be_late(name, task)):
            again = task.fence == fence and task.settled in [(name, fence, how) for how in SETTLED[asked]]
            return ("repeated", task.state) if again else ("lost", "")
        person, limited = name not in self.agents, how == "rate_limited"
        task.rounds += how == "validation"
        left = self._phase_left(task)
        recheck = how == "validation" and task.rounds < SAME and not left
        again = asked == "failed" and (
            recheck or limited or (how == "transient" and task.attempts < task.max_attempts)
        )
        self._return(task)
        task.settled = (name, fence, "late" if late else asked)
        task.limits = task.limits + 1 if limited else 0
        task.attempts -= limited
        task.avoid = None
        if again and not recheck and not limited:
            task.wakes = self.now + BACK_OFF
            task.avoid = None if person else (name, self.now + AVOIDED)
        if recheck:
            assert made is not None
            task.attempts = 0
            self.tasks[made] = Task(made, task.ticket, task.phase, task.skills, 3)
            self.needs[made, pk] = Need(made, pk, "success", "hold")
        if not again:
            self._end(task, asked)
        self._count_failures(name, task, how)
        if limited:
            self._meet_limit(name, task, fence)
        return ("late" if late else "settled"), task.state

    def _count_failures(self, name: str, task: Task, how: str) -> None:
        agent = self.agents.get(name)
        if agent is None:
            return
        if how == "completed":
            agent.failed = []
        elif how in ("permanent", "validation") and task.id not in agent.failed:
            agent.failed.append(task.id)
        if (
            how in ("permanent", "validation")
            and len(agent.failed) >= TOO_MANY
            and agent.state == "available"
        ):
            agent.state = "maintenance"

    def _meet_limit(self, name: str, task: Task, fence: int) -> None:
        for each in self.agents[name].pools if name in self.agents else ():
            pool = self.pools[each]
            if self.probe_succeeded(pool):
                self._open(pool)
            if pool.closed and pool.resets is None:
                continue  # somebody closed it, and opens it
            until = self.now + RESET
            if pool.resets is None or until > pool.resets or pool.probe == (task.id, fence):
                pool.closed, pool.resets, pool.probe = True, until, None
