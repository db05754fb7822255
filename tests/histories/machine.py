"""Random histories: which acts there are, and how often each is chosen."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.histories.comparison import Comparison
from tests.histories.model import Task
from tests.histories.world import AGENTS, PEOPLE, POOLS

NAMES = st.sampled_from([*AGENTS])
ANY = st.integers(0, 11)  # which of them, counted around
TICKET = st.integers(0, 2)
SKILLS = st.sampled_from([[], [], [], [], ["sql"], ["rust"]])
PHASE = st.sampled_from(["DOING", "DOING", "TODO", "REVIEW"])
HOW = st.tuples(
    st.sampled_from(["success", "success", "failure", "always"]),
    st.sampled_from(["hold", "cancel", "continue"]),
)
WORK = st.sampled_from(
    [
        *["claim"] * 6,
        *("completed", "completed", "transient", "permanent", "validation", "rate_limited", "rate_limited"),
        *("renew", "renew", "progress", "release"),
    ]
)
CLAIM, OLD = st.integers(0, 40), st.sampled_from([False, False, True])
MOST_TASKS = 14


class History(Comparison):
    def task(self, place: int) -> int:
        return list(self.model.tasks)[place % len(self.model.tasks)]

    def ticket(self, place: int) -> int:
        return self.world.tickets[place]

    # -- the acts

    @initialize(specs=st.lists(st.tuples(TICKET, PHASE, SKILLS), min_size=5, max_size=8))
    def begin(self, specs: Any) -> None:
        for ticket, phase, skills in specs:
            self.do("add", self.ticket(ticket), phase, skills, [], ("success", "hold"))

    # Rules are chosen with the same chance, and some not at all in a history: the work itself has three.

    @rule(act=WORK, name=NAMES, place=CLAIM, old=OLD, mark=st.sampled_from(["", "one", "two"]))
    def work(self, act: str, name: str, place: int, old: bool, mark: str) -> None:
        self._work(act, name, place, old, mark)

    @rule(act=WORK, name=NAMES, place=CLAIM, old=OLD, mark=st.sampled_from(["", "one", "two"]))
    def more_work(self, act: str, name: str, place: int, old: bool, mark: str) -> None:
        self._work(act, name, place, old, mark)

    @rule(act=WORK, name=NAMES, place=CLAIM, old=OLD, mark=st.sampled_from(["", "one", "two"]))
    def still_more_work(self, act: str, name: str, place: int, old: bool, mark: str) -> None:
        self._work(act, name, place, old, mark)

    def _work(self, act: str, name: str, place: int, old: bool, mark: str) -> None:
        granted = [task for task in self.model.tasks.values() if task.fence]
        if act == "claim" or not granted:
            self.do("claim", name, 1 + place % 3)
            return
        holder, *claim = self._claim_of(granted, name, place, old)
        person = holder in PEOPLE
        if act in ("release", "renew", "progress"):
            self.do(
                act,
                name if person and act != "release" else holder,
                *claim,
                *([mark] if act == "renew" else []),
            )
        elif act == "validation" and len(self.model.tasks) >= MOST_TASKS:
            self.do("settle", holder, *claim, "completed")
        else:
            self.do("settle", holder, *claim, "transient" if person and act == "rate_limited" else act)

    @staticmethod
    def _claim_of(granted: list[Task], other: str, place: int, old: bool) -> tuple[str, int, int]:
        """Who holds a task, or held it last, with the fence. `old`: with the one before, or somebody else."""
        busy = [task for task in granted if task.state == "claimed"]
        among = [*busy, *busy, *busy, *granted]
        task = among[place % len(among)]
        name = task.holder or (task.settled[0] if task.settled else other)
        return (other, task.id, task.fence) if old and place % 2 else (name, task.id, task.fence - old)

    @rule(units=st.sampled_from([0, 1, 1, 2, 3, 4]))
    def time(self, units: int) -> None:
        self.do(*(("pass_time", units) if units else ("sweep",)))

    @rule(
        kind=st.sampled_from([*["advance_tickets"] * 4, *["fill_phases"] * 4, "cut"]), which=st.lists(TICKET)
    )
    def disturb(self, kind: str, which: list[int]) -> None:
        """A message that says what is not so, or says it twice; or a process that ends before it commits."""
        if kind == "cut":
            self.do("cut", "eve")
        else:
            self.do(kind, [self.ticket(place) for place in which])

    @precondition(lambda self: len(self.model.tasks) < MOST_TASKS)
    @rule(
        ticket=TICKET,
        phase=PHASE,
        skills=SKILLS,
        needs=st.sets(ANY, max_size=3),
        how=HOW,
        join=st.sampled_from([None, None, 1, 2]),
        child=st.sampled_from([None, None, *range(12)]),
    )
    def add(
        self,
        ticket: int,
        phase: str,
        skills: list[str],
        needs: set[int],
        how: tuple[str, str],
        join: int | None,
        child: int | None,
    ) -> None:
        parents = sorted({self.task(place) for place in needs})
        if join is not None and join > len(parents):
            join = None
        needed_by = None if child is None else self.task(child)
        self.do("add", self.ticket(ticket), phase, skills, parents, how, join, needed_by)

    @rule(parent=ANY, child=ANY, how=HOW, add=st.sampled_from([True, True, False]))
    def need(self, parent: int, child: int, how: tuple[str, str], add: bool) -> None:
        needs = [*self.model.needs]
        if needs and not add:
            self.do("disconnect", *needs[parent % len(needs)])
        else:
            self.do("connect", self.task(parent), self.task(child), *how)

    @rule(
        place=ANY,
        act=st.sampled_from(
            [
                *[("assign", to) for to in (*PEOPLE, *AGENTS)],
                *(("cancel", ""), ("cancel", "hold"), ("cancel", "cancel"), ("cancel", "continue")),
                *(("retry",), ("retry",), ("retry",), ("bump",)),
                *(("edit", "capabilities", []), ("edit", "capabilities", ["sql"])),
                *(("edit", "max_attempts", 1), ("edit", "max_attempts", 3)),
                *(("edit", "not_before", True), ("edit", "not_before", False)),
                *(("edit", "timeout_s", True), ("edit", "timeout_s", False)),
            ]
        ),
    )
    def change_task(self, place: int, act: tuple[Any, ...]) -> None:
        pk = self.task(place)
        self.do(act[0], pk, *act[1:])

    @rule(
        ticket=TICKET,
        verb=st.sampled_from(
            [
                *("advance", "advance", "advance", "send_back", "block", "unblock", "unblock"),
                *("pause", "resume", "resume", "archive", "restore", "restore"),
                *("cancel_ticket", "reopen", "reopen", "reopen"),
            ]
        ),
    )
    def move(self, verb: str, ticket: int) -> None:
        self.do(verb, self.ticket(ticket))

    @rule(
        name=NAMES,
        act=st.sampled_from(
            [
                *[("set_state", "make_available")] * 8,
                *[("set_state", verb) for verb in ("make_unavailable", "drain", "quarantine", "retire")],
                *(("hear", True), ("hear", True), ("hear", False)),
            ]
        ),
    )
    def change_agent(self, name: str, act: tuple[Any, ...]) -> None:
        self.do(act[0], name, *act[1:])

    @rule(
        act=st.sampled_from(
            [
                *[("close_pool", name, forever) for name in POOLS for forever in (False, True)],
                *[("open_pool", name) for name in POOLS] * 3,
                *[("limit_pool", name, limit) for name in POOLS for limit in (1, None)],
                *(("pause_project", True), ("pause_project", False), ("pause_project", False)),
                *(("pause_phase", "DOING", True), *[("pause_phase", "DOING", False)] * 2),
                *(("freeze", False), ("freeze", True), *[("thaw", False), ("thaw", True)] * 2),
                *[
                    ("limit", what, most)
                    for what in ("max_agents", "max_tickets")
                    for most in (None, None, 1, 2)
                ],
            ]
        )
    )
    def change_fleet(self, act: tuple[Any, ...]) -> None:
        self.do(*act)
