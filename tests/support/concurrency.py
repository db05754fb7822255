"""Acts at the same time: real threads, each with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from omoi_site.database import sql
from tests.support.wait import until

PATIENCE_S = 20


class Act(threading.Thread):
    """An act in a thread; `answer()` is what it returned or raised."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.value: Any = None
        self.error: BaseException | None = None
        self.backend = 0

    def run(self) -> None:
        try:
            self.backend = sql.rows("SELECT pg_backend_pid() AS pid")[0]["pid"]
            self.value = self.act()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def answer(self) -> Any:
        self.join(PATIENCE_S)
        assert not self.is_alive(), "it never came back"
        if self.error:
            raise self.error
        return self.value

    def waits(self) -> bool:
        """Whether it stands before a lock that this connection has; False once it has ended."""

        def state() -> str:
            if not self.is_alive():
                return "ended"
            # Locks are always fresh; pg_stat_activity stands still inside a transaction. A moment's wait for
            # somebody else, such as a vacuum, says nothing.
            row = sql.one("SELECT pg_backend_pid() = ANY(pg_blocking_pids(%s)) AS found", [self.backend])
            return "waits" if row == {"found": True} else ""

        return until(state) == "waits"


@contextmanager
def meanwhile(act: Callable[[], Any], *, waits: bool = True) -> Iterator[Act]:
    """Open a transaction for the block; at its end start `act` elsewhere, see that it waits for us (or does
    not), and commit.
    """
    other = Act(act)
    with transaction.atomic():
        yield other
        other.start()
        assert other.waits() == waits
    other.join(PATIENCE_S)


def race(tries: int, *acts: Callable[[int], Any]) -> list[list[Any]]:
    """Run the acts `tries` times, all at once each time; what each returned or raised, by try."""
    gate = threading.Barrier(len(acts))
    answers: list[list[Any]] = [[None] * len(acts) for _ in range(tries)]

    def runs(place: int, act: Callable[[int], Any]) -> None:
        try:
            for turn in range(tries):
                gate.wait(PATIENCE_S)
                try:
                    answers[turn][place] = act(turn)
                except Exception as error:
                    answers[turn][place] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=runs, args=(place, act), daemon=True) for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
