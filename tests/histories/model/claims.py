"""Who gets tasks in the model, keeps them and gives them back."""

from __future__ import annotations

from tests.histories.model.parts import HAND_LEASE, LEASE, TIMEOUT, Refused, Task
from tests.histories.model.sweeps import Sweeps


class Claims(Sweeps):
    def claim(self, name: str, limit: int) -> list[tuple[int, int]]:
        agent = self.agents[name]
        self._expect_available(name)
        if agent.assigned:
            waiting = [task for task in self.holds(name) if not task.started and self._in_time(task)]
            agent.assigned = len(waiting) > limit
            if waiting:
                return [self._begin(task, LEASE) for task in sorted(waiting, key=id_of)[:limit]]
        free = agent.capacity - len(self.holds(name))
        granted = self.choice(name, limit, self.tasks.values()) if free > 0 else []
        if not granted and self._catch_up(name, free):
            granted = self.choice(name, limit, self.tasks.values())
        if agent.capacity <= len(self.holds(name)):
            raise Refused("CapacityFull")
        return self._grant(name, granted)

    def _catch_up(self, name: str, free: int) -> bool:
        lapsed = [task for task in (self.tasks.values() if free else self.holds(name)) if self._over(task)]
        if lapsed:
            self.lapse()
        return (self.wake() > 0 if free else False) or bool(lapsed)

    def _grant(self, name: str, tasks: list[Task]) -> list[tuple[int, int]]:
        granted = [self._give(task, name, LEASE) for task in tasks]
        for pool in self._tried_out(name, tasks):
            self.pools[pool].probe = granted[0]
        return granted

    def _tried_out(self, name: str, tasks: list[Task]) -> list[str]:
        named = [(each, self.pools[each]) for each in self.agents[name].pools if tasks]
        return [
            each
            for each, pool in named
            if pool.closed
            and not self.probe_succeeded(pool)
            and pool.resets is not None
            and pool.resets <= self.now
        ]

    def _give(self, task: Task, holder: str, lease: float | None) -> tuple[int, int]:
        task.state, task.holder, task.fence, task.attempts = (
            "claimed",
            holder,
            task.fence + 1,
            task.attempts + 1,
        )
        task.claimed_no, task.stalled, task.mark, task.wakes = self.number, False, "", None
        return self._begin(task, lease)

    def _begin(self, task: Task, lease: float | None) -> tuple[int, int]:
        task.lease = None if lease is None else self.now + lease
        task.began = task.active = self.now
        task.started = True
        task.timeout_at = self.now + TIMEOUT if task.timeout and lease is not None else None
        return task.id, task.fence

    def assign(self, pk: int, to: str) -> tuple[int, bool]:
        task, agent = self.tasks[pk], self.agents.get(to)
        if task.state == "claimed" and task.holder == to:
            return task.fence, False
        if not task.open:
            raise Refused("NotAssignable")
        before = vars(task).copy()
        try:
            self._revoke([task])
            if agent is None:
                if not self.free_for_all(task) or (task.wakes or 0) > self.now:
                    raise Refused("NotAssignable")
                self._give(task, to, None)
            else:
                self._expect_available(to)
                if self.choice(to, 1, [task], by_hand=True) != [task]:
                    raise Refused("NotAssignable")
                tried = self._tried_out(to, [task])
                self._give(task, to, HAND_LEASE)
                task.started = False
                for pool in tried:
                    self.pools[pool].probe = (task.id, task.fence)
                agent.assigned = True
        except Refused:
            vars(task).update(before)
            raise
        return task.fence, True

    def renew(self, name: str, pk: int, fence: int, mark: str) -> str:
        task = self.tasks[pk]
        if not self._holds(name, task, fence):
            return "lapsed" if task.fence == fence and self._may_be_late(name, task) else "claim_lost"
        task.lease = self.now + (LEASE if task.started else HAND_LEASE)
        if mark and mark != task.mark:
            task.mark, task.active, task.stalled = mark, self.now, False
        return "kept"

    def progress(self, name: str, pk: int, fence: int) -> None:
        task = self.tasks[pk]
        self._expect_held(name, task, fence)
        task.active, task.stalled = self.now, False

    def release(self, name: str, pk: int, fence: int) -> None:
        task = self.tasks[pk]
        if (task.settled, task.fence) == ((name, fence, "released"), fence) and task.state != "claimed":
            return
        self._expect_held(name, task, fence)
        self._return(task)
        task.attempts -= 1
        task.settled = (name, fence, "released")


def id_of(task: Task) -> int:
    return task.id
