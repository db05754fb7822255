"""The request threads: fixed pools, and the only threads of a web process that use the database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from django.db import close_old_connections, connections

from omoi_site.errors import OmoiError

WAITING = 64  # calls that may wait for a thread; beyond that a quick refusal is better than a long wait


class Busy(OmoiError):
    """Every thread is busy and the queue is full."""

    code = "busy"
    status = 503
    title = "Omoi is busy"
    next_action = "Try again after a second."


class Turn(asyncio.Future[Any]):
    """The answer of one call."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._waits = [True]

    def begin(self) -> bool:
        """True for one caller only: the thread that starts the call, or the one that cancels it first."""
        try:
            return self._waits.pop()
        except IndexError:
            return False


class Threads:
    """Runs calls of the event loop in `count` threads. Each thread first calls `begin` and keeps one database
    connection, so the number of connections is fixed.
    """

    def __init__(
        self,
        count: int,
        waiting: int = WAITING,
        begin: Callable[[], None] = lambda: None,
        name: str = "request",
    ) -> None:
        self.count = count
        self.name = name
        self.begin = begin
        self.room = count + waiting
        self.busy = 0  # calls without an answer: running and queued
        self.generation = 0
        self.calls: SimpleQueue[tuple[Turn, Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self.running: list[threading.Thread] = []

    def start(self) -> None:
        self.running = [
            threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            for number in range(self.count)
        ]
        for thread in self.running:
            thread.start()

    def run(self, call: Callable[..., Any], *args: Any) -> Turn:
        """Run `call(*args)` and return its answer, to be awaited. Raises Busy if too many calls wait."""
        if self.busy >= self.room:
            raise Busy()
        turn = Turn(loop=asyncio.get_running_loop())
        self.busy += 1
        turn.add_done_callback(self._over)
        self.calls.put((turn, call, args))
        return turn

    def renew(self) -> None:
        """Call it when the database was away: each thread opens a new connection before its next call."""
        self.generation += 1

    def stop(self) -> None:
        for _ in self.running:
            self.calls.put(None)
        for thread in self.running:
            thread.join(5)

    def _over(self, turn: asyncio.Future[Any]) -> None:
        self.busy -= 1

    def _work(self) -> None:
        generation = self.generation
        with contextlib.suppress(Exception):  # a call that needs the connection will fail and say so
            self.begin()
        while job := self.calls.get():
            if generation != self.generation:
                generation = self.generation
                connections.close_all()
            self._take_up(*job)
            job = None  # free the call's data before waiting for the next one
        connections.close_all()

    def _take_up(self, turn: Turn, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if turn.cancelled() or not turn.begin():
            return
        answer: Any = None
        error: BaseException | None = None
        try:
            close_old_connections()
            answer = call(*args)
            close_old_connections()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits for the answer
            turn.get_loop().call_soon_threadsafe(_settle, turn, answer, error)


def _settle(turn: Turn, answer: Any, error: BaseException | None) -> None:
    if turn.done():
        return
    if error is None:
        turn.set_result(answer)
    else:
        turn.set_exception(error)
