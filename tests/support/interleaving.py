"""Every interleaving of two or three acts, statement by statement, each on a connection of its own.

An act stops before each of its statements and before each COMMIT. Of those that can go on, each goes on in
turn, in some run. One that waits for a lock goes on when it gets it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from omoi_site.database import sql
from tests.support.concurrency import PATIENCE_S
from tests.support.wait import until

MOST = 300  # runs; more would say that the acts are too long for this
NO_STEP = ("SAVEPOINT", "RELEASE", "SET ")  # nobody else can notice these
WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted) AS found"

Act = Callable[[], Any]


@dataclass(frozen=True)
class Run:
    """The acts in the order of their steps, what each answered or the name of its error, and what is so
    afterwards.
    """

    order: tuple[int, ...]
    answers: tuple[Any, ...]
    state: Any

    @property
    def outcome(self) -> tuple[Any, Any]:
        return self.answers, self.state


class Stepper(threading.Thread):
    """An act that takes a step only when it is told to."""

    def __init__(self, act: Act) -> None:
        super().__init__(daemon=True)
        self.act, self.answer, self.backend = act, None, 0
        self.goes, self.at = threading.Semaphore(0), "begins"

    def run(self) -> None:
        try:
            self.backend = sql.rows("SELECT pg_backend_pid() AS pid")[0]["pid"]
            commit = connection._commit
            connection._commit = lambda: (self._pause(), commit())
            with connection.execute_wrapper(self._before), transaction.atomic():
                self.answer = self.act()
        except Exception as error:
            self.answer = type(error).__name__
        finally:
            connection.__dict__.pop("_commit", None)
            connection.close()
            self.at = "ended"

    def _before(self, execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        if not statement.startswith(NO_STEP):
            self._pause()
        return execute(statement, params, many, context)

    def _pause(self) -> None:
        self.at = "stopped"
        assert self.goes.acquire(timeout=PATIENCE_S)

    def step(self) -> None:
        self.at = "runs"
        self.goes.release()
        self.settle()

    def settle(self) -> None:
        """Until it stops again, has ended, or waits for a lock."""

        def settled() -> bool:
            waits = self.at == "runs" and sql.rows(WAITS, [self.backend])[0]["found"]
            return waits or self.at in ("stopped", "ended")

        assert until(settled)

    @property
    def can_go_on(self) -> bool:
        return self.at == "stopped"

    @property
    def ended(self) -> bool:
        return self.at == "ended"


def run(acts: Sequence[Act], wanted: Sequence[int], state: Act) -> tuple[Run, list[tuple[int, ...]]]:
    """Run the acts, first in this order, then the first one that can go on. Also returns the orders that
    branch off from it.
    """
    steppers, order, others = [Stepper(act) for act in acts], list[int](), list[tuple[int, ...]]()
    for stepper in steppers:
        stepper.start()
        stepper.settle()
    while able := _able(steppers):
        chosen = wanted[len(order)] if len(order) < len(wanted) else able[0]
        assert chosen in able, f"{order} came out otherwise than before"
        if len(order) >= len(wanted):
            others += [(*order, other) for other in able if other != chosen]
        order.append(chosen)
        steppers[chosen].step()
        for stepper in steppers:
            stepper.settle()  # it may have got its lock
    for stepper in steppers:
        stepper.join(PATIENCE_S)
        assert not stepper.is_alive(), f"{order}: it never came back"
    return Run(tuple(order), tuple(stepper.answer for stepper in steppers), state()), others


def _able(steppers: Sequence[Stepper]) -> list[int]:
    """Those that can go on. If all wait for each other, PostgreSQL first ends one of them."""
    assert until(lambda: any(each.can_go_on for each in steppers) or all(each.ended for each in steppers))
    for stepper in steppers:
        stepper.settle()
    return [place for place, stepper in enumerate(steppers) if stepper.can_go_on]


def runs_with_one_switch(
    scene: Callable[[], tuple[Sequence[Act], Act]], steps: Iterable[int] | None = None
) -> Iterator[Run]:
    """For acts with too many steps for every run: the second act takes so many steps, by default one more in
    each run until it ends; then the first goes on until it ends or waits.
    """
    for taken in itertools.count() if steps is None else steps:
        found, _ = run(*_with(scene(), (1,) * taken))
        yield found
        if found.order.count(1) == taken:
            return


def every_run(scene: Callable[[], tuple[Sequence[Act], Act]]) -> Iterator[Run]:
    """All runs of the acts. `scene` makes new rows for each, and returns the acts and what to look at."""
    left, count = [()], 0
    while left:
        found, others = run(*_with(scene(), left.pop()))
        left += others
        count += 1
        assert count <= MOST, f"more than {MOST} runs: {found.order}"
        yield found


def one_by_one(scene: Callable[[], tuple[Sequence[Act], Act]]) -> set[tuple[Any, Any]]:
    """The outcomes if the two acts come one after the other."""
    outcomes = set()
    for order in ((0, 1), (1, 0)):
        acts, state = scene()
        answers: list[Any] = [None, None]
        for place in order:
            try:
                answers[place] = acts[place]()
            except Exception as error:
                answers[place] = type(error).__name__
        outcomes.add((tuple(answers), state()))
    return outcomes


def _with(scene: tuple[Sequence[Act], Act], wanted: tuple[int, ...]) -> tuple[Sequence[Act], Any, Act]:
    acts, state = scene
    return acts, wanted, state
