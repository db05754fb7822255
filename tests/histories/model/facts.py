"""What is so in the model, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.histories.model.parts import ENDED, FULL_AT, MOST_LIMITS, Agent, Need, Pool, Task, Ticket


@dataclass
class Facts:
    """What is so, and what follows from it."""

    agents: dict[str, Agent]
    pools: dict[str, Pool]
    now: float = 0
    number: int = 0  # of the act
    tasks: dict[int, Task] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    needs: dict[tuple[int, int], Need] = field(default_factory=dict)
    paused: bool = False
    paused_phases: set[str] = field(default_factory=set)
    max_agents: int | None = None
    max_tickets: int | None = None
    frozen: bool = False
    all_frozen: bool = False
    thawed: bool = False
    rank: dict[int, int] = field(default_factory=dict)  # as stored: the order of work is not the model's

    # -- needs

    def met(self, need: Need) -> bool:
        end = "success" if self.tasks[need.parent].state == "completed" else "failure"
        return need.on_failure == "continue" or need.when in ("always", end)

    def ended(self, need: Need) -> bool:
        return self.tasks[need.parent].state in ENDED

    def needs_of(self, task: Task) -> list[Need]:
        return [need for need in self.needs.values() if need.child == task.id]

    def open_needs(self, task: Task) -> int:
        needs = self.needs_of(task)
        wanted = len(needs) if task.join is None else min(task.join, len(needs))
        return max(0, wanted - sum(self.ended(need) and self.met(need) for need in needs))

    def unsatisfiable(self, task: Task) -> bool:
        return self.open_needs(task) > sum(not self.ended(need) for need in self.needs_of(task))

    def reaches(self, start: int, end: int) -> bool:
        """Whether `end` waits for `start`, directly or through others, or is the same."""
        return start == end or any(
            self.reaches(need.child, end) for need in self.needs.values() if need.parent == start
        )

    # -- what may be granted

    @property
    def is_frozen(self) -> bool:
        return self.frozen or (self.all_frozen and not self.thawed)

    def held(self, task: Task) -> bool:
        return task.phase not in self.tickets[task.ticket].open_phases or task.limits >= MOST_LIMITS

    def free_for_all(self, task: Task) -> bool:
        """Whether nothing but its time keeps the task from people."""
        return (
            task.state == "pending"
            and not self.open_needs(task)
            and not self.held(task)
            and not self.paused
            and task.phase not in self.paused_phases
            and not self.is_frozen
        )

    def standing(self, phase: str = "REVIEW") -> int:
        return sum(each.phase == phase and not each.archived for each in self.tickets.values())

    @property
    def review_full(self) -> bool:
        return self.standing() >= FULL_AT

    def fits(self, agent: Agent, task: Task) -> bool:
        return task.skills <= agent.skills and (not agent.phases or task.phase in agent.phases)

    def holds(self, agent: str) -> list[Task]:
        return [task for task in self.tasks.values() if task.holder == agent]

    def room(self, name: str) -> int | None:
        """How many more claims the pool allows; None: any number."""
        pool = self.pools[name]
        rooms = []
        if pool.closed and not self.probe_succeeded(pool):
            due = pool.resets is not None and pool.resets <= self.now
            rooms.append(int(due and not self.probe_runs(pool)))
        if pool.limit is not None:
            claims = [
                task
                for agent, each in self.agents.items()
                if name in each.pools
                for task in self.holds(agent)
                if task.lease is not None and task.lease > self.now
            ]
            rooms.append(pool.limit - len(claims))
        return min(rooms, default=None)

    def probe_succeeded(self, pool: Pool) -> bool:
        if not pool.probe:
            return False
        settled = self.tasks[pool.probe[0]].settled
        return bool(settled and settled[1] == pool.probe[1] and settled[2] in ("completed", "late"))

    def probe_runs(self, pool: Pool) -> bool:
        if not pool.probe:
            return False
        task = self.tasks[pool.probe[0]]
        return task.fence == pool.probe[1] and task.state == "claimed" and (task.lease or 0) > self.now

    @property
    def at_work(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.lease is not None]

    def admits(self, agent: str) -> bool:
        """Whether the limit of agents lets this one take work."""
        inside = {task.holder for task in self.at_work}
        return self.max_agents is None or len(inside) < self.max_agents or agent in inside

    def left_to_others(self, name: str, task: Task) -> bool:
        """Whether the agent failed the task, and another one could take it."""
        if not task.avoid or task.avoid[0] != name or task.avoid[1] <= self.now:
            return False
        return any(
            other != name
            and each.state == "available"
            and each.awake
            and self.fits(each, task)
            and len(self.holds(other)) < each.capacity
            and all((room := self.room(pool)) is None or room > 0 for pool in each.pools)
            and self.admits(other)
            for other, each in self.agents.items()
        )

    def choice(self, name: str, limit: int, among: Iterable[Task], *, by_hand: bool = False) -> list[Task]:
        """What a claim of the agent is granted, in this order."""
        agent = self.agents[name]
        rooms = [room for pool in agent.pools if (room := self.room(pool)) is not None]
        most = min(limit, agent.capacity - len(self.holds(name)), *rooms)
        if most <= 0 or not self.admits(name):
            return []
        ready = [
            task
            for task in sorted(among, key=lambda task: (self.rank[task.id], task.id))
            if self.free_for_all(task)
            and task.wakes is None
            and self.fits(agent, task)
            and not (task.phase == "DOING" and self.review_full)
            and (by_hand or not self.left_to_others(name, task))
        ]
        if self.max_tickets is not None:
            begun = {task.ticket for task in self.at_work}
            others = dict.fromkeys(task.ticket for task in ready if task.ticket not in begun)
            begun |= set(list(others)[: max(0, self.max_tickets - len(begun))])
            ready = [task for task in ready if task.ticket in begun]
        return ready[:most]

    def claimable(self, task: Task) -> bool:
        """Whether some agent with room could be granted it, now or when it looks a second time."""
        if task.state != "pending" or (task.wakes is not None and task.wakes > self.now):
            return False
        wakes, task.wakes = task.wakes, None
        try:
            return any(
                agent.state == "available" and self.choice(name, 1, [task], by_hand=True)
                for name, agent in self.agents.items()
            )
        finally:
            task.wakes = wakes

    def due(self, ticket: int) -> bool:
        """Whether an automatic move of the ticket is due, and there is room for it."""
        row = self.tickets[ticket]
        if row.phase not in ("TODO", "DOING") or row.paused or row.archived or self.is_frozen:
            return False
        tasks = [task for task in self.tasks.values() if task.ticket == ticket]
        here = [task for task in tasks if task.phase == row.phase]
        since = row.sent_no
        if any(task.open for task in here):
            return False
        if row.phase == "TODO":
            return any(
                task.phase == "DOING"
                and task.fence > 0
                and (task.state == "claimed" or since is None or max(task.claimed_no, task.ended_no) >= since)
                for task in tasks
            )
        return (
            any(task.state == "completed" for task in here)
            and all(task.state != "failed" for task in here)
            and (since is None or any(task.ended_no >= since for task in here))
            and not self.review_full
        )
