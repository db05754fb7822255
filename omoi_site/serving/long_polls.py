"""Long polls: where clients wait for work, in the event loop, holding no thread and no database connection.

A queue's key says which topics wake it and, behind `#`, what is asked there: `work:OMO,work:PAY#3f2a`. All
who wait in it ask the same, so "nothing" said to one is good for the others until it is woken again. That is
why no herd runs when it is: a few are called, whoever got something calls the next, and whoever got nothing
ends it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

# called by one wake-up of a queue, and looking at one time from all queues together: the other threads are
# for other requests
AT_ONCE = 4
LOOK_AFTER_S = (
    4.0,
    6.0,
)  # without a ring one of a queue looks anyway: delays and expiries ring nobody, and a ring can be lost


class Queue:
    """Those who wait with one key, longest first."""

    def __init__(self, topics: Sequence[str]) -> None:
        self.topics = topics
        self.waiters: dict[Waiter, None] = {}
        self.looked = 0.0  # when one of it was last told that there is nothing


class Waiter:
    """One client in a queue, with the credential it came with: `turn` comes true when it shall look, false
    when it need not wait any more.
    """

    def __init__(self, names: Sequence[str], holder: str) -> None:
        self.names = names
        self.holder = holder
        self.turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.called = False


class LongPolls:
    """The queues of this process by key, and what has woken them."""

    def __init__(self) -> None:
        self.number = 0  # rings so far: read it before looking, and no ring falls between
        self.rung: dict[str, int] = {}  # the last ring of each topic
        self.rung_all = 0
        self.queues: dict[str, Queue] = {}
        self.keys_of_topic: dict[str, set[str]] = {}  # keys by topic
        self.due: deque[Waiter] = deque()  # called, and waiting for one of those who look to be done
        self.looking = 0
        self.closed = False

    @property
    def waiting(self) -> int:
        return len({waiter for queue in self.queues.values() for waiter in queue.waiters}) + len(self.due)

    def ring(self, topics: Iterable[str] | None) -> None:
        """There may be something for the queues of these topics; None: at any."""
        self.number += 1
        if topics is None:
            self.rung_all, keys = self.number, set(self.queues)
        else:
            self.rung |= dict.fromkeys(topics, self.number)
            keys = {key for topic in topics for key in self.keys_of_topic.get(topic, ())}
        for key in keys:
            self._call_some(key, AT_ONCE)

    def holders(self) -> set[str]:
        """The credentials of those who wait."""
        return {waiter.holder for queue in self.queues.values() for waiter in queue.waiters}

    def call(self, holders: set[str]) -> None:
        """Whoever waits with one of these credentials shall look: it may be good for nothing any more."""
        for waiter in {
            waiter for queue in self.queues.values() for waiter in queue.waiters if waiter.holder in holders
        }:
            self._call(waiter)

    async def turn(
        self, names: Sequence[str], seen: int, until: float, gone: asyncio.Future[Any], holder: str = ""
    ) -> bool:
        """Wait in these queues, having looked when `seen` was the number.

        True: look again now, then say `looked`. False: no more of it.
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
            if waiter.called and not waiter.turn.done():  # it left before its turn came: somebody else's then
                self.due.remove(waiter)
                self._call_next(names)

    def looked(self, names: Sequence[str], *, nothing: bool) -> None:
        """Whose turn it was has looked. Where there was something there may be more: the next one's turn."""
        self.looking -= 1
        if not nothing:
            self._call_next(names)
        self._admit()

    def close(self) -> None:
        """The process ends: nobody waits any more."""
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
