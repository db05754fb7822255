"""A history in both, the database and the model: after each act they must say the same.

And once the sweeps have run: whatever is open has a cause or can be claimed, and no invariant is broken.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from hypothesis.stateful import RuleBasedStateMachine

from omoi_site.errors import OmoiError
from tests.histories.invariants import Invariants
from tests.histories.model import Agent, Model, Pool, Refused, Task, Ticket
from tests.histories.model.parts import UNIT_S
from tests.histories.world import AGENTS, POOLS, World

SAME_NAME = {"CapacityFull": "NotAssignable"}  # why somebody cannot be given a task is for people to read


class Comparison(RuleBasedStateMachine):
    operator: ClassVar[Any]
    workflow: ClassVar[Any]
    note: ClassVar[Callable[[], None]] = staticmethod(lambda: None)  # called after each act

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.world = World(self.operator, self.workflow)
        self.model = Model(
            agents={
                name: Agent(
                    frozenset(spec.get("capabilities", ())),
                    frozenset(spec.get("phases", ())),
                    spec["capacity"],
                    [*spec.get("pools", ())],
                )
                for name, spec in AGENTS.items()
            },
            pools={name: Pool() for name in POOLS},
            tickets={pk: Ticket() for pk in self.world.tickets},
        )
        self.laws = Invariants(self.world)

    def teardown(self) -> None:
        self.world.end()

    # -- one act, and what must be so after it

    def do(self, name: str, *args: Any) -> None:
        """Do it in both; they must answer the same, and be in the same state afterwards."""
        self.story.append(f"{name}{args}")
        self.model.number += 1
        self.world.look()
        try:
            answer = getattr(self.world, name)(*args)
        except OmoiError as error:
            answer = type(error).__name__
            answer = SAME_NAME.get(answer, answer) if name == "assign" else answer
        rows, others = self.world.tasks(), self.world.others()
        answered = self._learn(name, rows, others)
        try:
            expected = getattr(self.model, name)(*args, **answered)
        except Refused as refused:
            expected = str(refused)
        self._expect(answer, expected, "the answer")
        self._agree(self.model, rows, others)
        self._lawful(self.laws.check, rows)
        self._once_swept()
        type(self).note()

    def _learn(self, name: str, rows: list[dict[str, Any]], others: dict[str, Any]) -> dict[str, Any]:
        """What the model cannot know: the order of work, ids, and which of several tickets moved first."""
        new = [row["id"] for row in rows if row["id"] not in self.model.tasks]
        self.model.rank = {row["id"]: row["rank"] for row in rows}
        if name in ("sweep", "advance_tickets", "fill_phases"):
            return {"phases": {int(pk): phase for pk, phase in others["tickets"].items()}}
        return {"made": new[0] if new else None} if name in ("add", "settle") else {}

    def _once_swept(self) -> None:
        """Sweep, look, and take it back: the history goes on unswept."""
        if self.model.is_swept:
            waits = self._lawful(self.laws.check_swept, self.model)
            self._lawful(self.laws.check_stored, waits)
            return
        with transaction.atomic():
            self.world.sweep()
            rows, others = self.world.tasks(), self.world.others()
            model = copy.deepcopy(self.model)
            model.rank = {row["id"]: row["rank"] for row in rows}
            model.sweep({int(pk): phase for pk, phase in others["tickets"].items()})
            self._agree(model, rows, others)
            self._lawful(self.laws.check_swept, model)
            transaction.set_rollback(True)

    def _lawful(self, check: Callable[[Any], Any], what: Any) -> Any:
        try:
            return check(what)
        except AssertionError as broken:
            raise AssertionError("\n".join([*self.story, str(broken)])) from None

    def _agree(self, model: Model, rows: list[dict[str, Any]], others: dict[str, Any]) -> None:
        stored = {row["id"]: facts_of(row) for row in rows}
        self._expect(stored, {pk: expected_of(model, task) for pk, task in model.tasks.items()}, "the tasks")
        expected = {
            "tickets": {str(pk): each.phase for pk, each in model.tickets.items()},
            "agents": {name: [each.state, str(each.assigned).lower()] for name, each in model.agents.items()},
            "pools": {name: each.closed for name, each in model.pools.items()},
        }
        self._expect(others, expected, "the rest")

    def _expect(self, found: Any, expected: Any, what: str) -> None:
        if found == expected:
            return
        if isinstance(found, dict) and isinstance(expected, dict):
            keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
            found = {key: found.get(key) for key in keys}
            expected = {key: expected.get(key) for key in keys}
        raise AssertionError("\n".join([*self.story, f"{what}: {found}", f"not: {expected}"]))


def halves(units: float | None) -> float | None:
    """Up to the next half unit: the history has taken some seconds since."""
    return None if units is None else math.ceil(round(2 * units, 6)) / 2


def facts_of(row: dict[str, Any]) -> dict[str, Any]:
    facts = {name: row[name] for name in ("state", "holder", "fence", "attempts", "max_attempts", "stalled")}
    facts |= {name: halves(row[name] and row[name] / UNIT_S) for name in ("lease", "timeout")}
    if row["state"] in ("pending", "claimed"):
        facts |= {"held": row["held"], "limits": row["rate_limits"], "open_needs": row["open_needs"]}
    if row["state"] == "pending":
        facts |= {name: row[name] for name in ("unsatisfiable", "not_due")}
    return facts


def expected_of(model: Model, task: Task) -> dict[str, Any]:
    facts = {
        name: getattr(task, name)
        for name in ("state", "holder", "fence", "attempts", "max_attempts", "stalled")
    }
    for name, end in (("lease", task.lease), ("timeout", task.timeout_at)):
        facts[name] = halves(None if end is None else end - model.now)
    if task.open:
        facts |= {"held": model.held(task), "limits": task.limits, "open_needs": model.open_needs(task)}
    if task.state == "pending":
        facts["unsatisfiable"] = model.unsatisfiable(task)
        facts["not_due"] = task.wakes is not None
    return facts
