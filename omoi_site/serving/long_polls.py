"""Long polls: clients wait for work in the event loop, without a thread or a database connection.

The key of a queue names the topics that wake it and, after `#`, the request: `work:OMO,work:PAY#3f2a`. All
clients in a queue make the same request, so an empty answer to one holds for the others until the next ring.
A ring therefore calls only a few clients. A client that got something calls the next one; a client that got
nothing ends the round.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

# how many clients one ring calls in a queue, and how many from all queues look at the same time; other
# threads stay free for other requests
AT_ONCE = 4
LOOK_AFTER_S = (
    4.0,
    6.0,
)  # without a ring, one client of a queue looks after this time: a ring can be lost, and delays ring nobody
REMEMBERED = 10_000  # topics whose last ring is known; there is one for each agent and each project


class Queue:
    """The clients that wait with one key, longest first."""

    def __init__(self, topics: Sequence[str]) -> None:
        self.topics = topics
        self.waiters: dict[Waiter, None] = {}
        self.looked = 0.0  # when a client of it last got an empty answer


class Waiter:
    """One client in a queue, with its credential. `turn` becomes True when the client should look, and False
    when it should stop waiting.
    """

    def __init__(self, names: Sequence[str], holder: str) -> None:
        self.names = names
        self.holder = holder
        self.turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.called = False


class LongPolls:
    """The queues of this process by key, and the rings that woke them."""

    def __init__(self) -> None:
        self.number = 0  # rings so far; a caller reads it before it looks, so that it misses no ring
        self.rung: dict[str, int] = {}  # the last ring of each topic
        self.rung_all = 0  # the last ring of all topics, or one that was forgotten
        self.queues: dict[str, Queue] = {}
        self.keys_of_topic: dict[str, set[str]] = {}  # keys by topic
        self.due: deque[Waiter] = deque()  # called, but waiting until another client has looked
        self.looking = 0
        self.closed = False

    @property
    def waiting(self) -> int:
        return len({waiter for queue in self.queues.values() for waiter in queue.waiters}) + len(self.due)

    def ring(self, topics: Iterable[str] | None) -> None:
        """Wake the queues of these topics; None: all queues."""
        self.number += 1
        if topics is None:
            self.rung_all, keys = self.number, set(self.queues)
        else:
            self._remember(topics)
            keys = {key for topic in topics for key in self.keys_of_topic.get(topic, ())}
        for key in keys:
            self._call_some(key, AT_ONCE)

    def _remember(self, topics: Iterable[str]) -> None:
        """Past the limit, forget the rings of all topics: a client that began before looks once in vain."""
        new = dict.fromkeys(topics, self.number)
        if len(self.rung) + len(new) > REMEMBERED:
            self.rung, self.rung_all = {}, self.number - 1
        self.rung |= new

    def holders(self) -> set[str]:
        """The credentials of the waiting clients."""
        return {waiter.holder for queue in self.queues.values() for waiter in queue.waiters}

    def call(self, holders: set[str]) -> None:
        """Let the clients with these credentials look, because the credential may not be valid any more."""
        for waiter in {
            waiter for queue in self.queues.values() for waiter in queue.waiters if waiter.holder in holders
        }:
            self._call(waiter)

    async def turn(
        self, names: Sequence[str], seen: int, until: float, gone: asyncio.Future[Any], holder: str = ""
    ) -> bool:
        """Wait in these queues; `seen` is the `number` before the client last looked.

        True: look again now, then call `looked`. False: stop waiting.
        """
        if self.closed:
            return False
        loop, waiter, patience = (
            asyncio.get_running_loop(),
            Waiter(names, holder),
            random.uniform(*LOOK_AFTER_S),
        )
        queues = [self._join(waiter, name) for name in names]
        for queue in queues:
            queue.looked = loop.time()
        if self.rung_all > seen or any(
            self.rung.get(topic, 0) > seen for queue in queues for topic in queue.topics
        ):
            self._call(waiter)
        try:
            while not waiter.turn.done() and not gone.done() and (now := loop.time()) < until:
                look_at = until if waiter.called else max(queue.looked for queue in queues) + patience
                if look_at <= now:
                    for queue in queues:
                        queue.looked = now
                    self._call(waiter)
                else:
                    await asyncio.wait(
                        {waiter.turn, gone},
                        timeout=min(look_at, until) - now,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
            return waiter.turn.done() and waiter.turn.result()
        finally:
            self._leave(waiter)
            if waiter.called and not waiter.turn.done():  # it left before its turn: give the turn to another
                self.due.remove(waiter)
                self._call_next(names)

    def looked(self, names: Sequence[str], *, nothing: bool) -> None:
        """A client has used its turn. If it found something there may be more, so the next client gets a
        turn.
        """
        self.looking -= 1
        if not nothing:
            self._call_next(names)
        self._admit()

    def close(self) -> None:
        """The process is stopping: end all waits."""
        self.closed = True
        for waiter in [*self.due, *(waiter for queue in self.queues.values() for waiter in queue.waiters)]:
            if not waiter.turn.done():
                waiter.turn.set_result(False)
        self.due.clear()

    def _join(self, waiter: Waiter, key: str) -> Queue:
        if key not in self.queues:
            queue = self.queues[key] = Queue(key.partition("#")[0].split(","))
            for topic in queue.topics:
                self.keys_of_topic.setdefault(topic, set()).add(key)
        self.queues[key].waiters[waiter] = None
        return self.queues[key]

    def _leave(self, waiter: Waiter) -> None:
        for key in waiter.names:
            if not (queue := self.queues.get(key)):
                continue
            queue.waiters.pop(waiter, None)
            if not queue.waiters:
                del self.queues[key]
                for topic in queue.topics:
                    self.keys_of_topic[topic].discard(key)
                    if not self.keys_of_topic[topic]:
                        del self.keys_of_topic[topic]

    def _call_next(self, names: Sequence[str]) -> None:
        for key in names:
            self._call_some(key, 1)

    def _call_some(self, key: str, most: int) -> None:
        for waiter in list(self.queues[key].waiters)[:most] if key in self.queues else ():
            self._call(waiter)

    def _call(self, waiter: Waiter) -> None:
        self._leave(waiter)
        waiter.called = True
        self.due.append(waiter)
        self._admit()

    def _admit(self) -> None:
        while self.due and self.looking < AT_ONCE:
            self.looking += 1
            self.due.popleft().turn.set_result(True)
