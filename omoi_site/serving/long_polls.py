"""Bells: where clients wait for work, in the event loop, holding no thread and no database connection.

A bell's name says what rings it and, behind `#`, what is asked there: `work:OMO,work:PAY#3f2a`. All who stand in line at it ask the
same, so "nothing" said to one is good for the others until it rings again. That is why no herd runs when it does: a few are called,
whoever got something calls the next, and whoever got nothing ends it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

AT_ONCE = 4  # called by one ring of a bell, and looking at one time at all bells together: the other threads are for other requests
LOOK_AFTER_S = (
    4.0,
    6.0,
)  # without a ring one of a line looks anyway: delays and expiries ring nobody, and a ring can be lost


class Line:
    """Those who wait at one bell, longest first."""

    def __init__(self, topics: Sequence[str]) -> None:
        self.topics = topics
        self.places: dict[Place, None] = {}
        self.looked = 0.0  # when one of it was last told that there is nothing


class Place:
    """One client in line, with the credential it came with: `turn` comes true when it shall look, false when it need not wait any more."""

    def __init__(self, names: Sequence[str], holder: str) -> None:
        self.names = names
        self.holder = holder
        self.turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.called = False


class Bells:
    """The lines of this process by bell, and what has rung."""

    def __init__(self) -> None:
        self.number = 0  # rings so far: read it before looking, and no ring falls between
        self.rung: dict[str, int] = {}  # the last ring of each topic
        self.rung_all = 0
        self.lines: dict[str, Line] = {}
        self.heard_by: dict[str, set[str]] = {}  # bells by topic
        self.due: deque[Place] = deque()  # called, and waiting for one of those who look to be done
        self.looking = 0
        self.closed = False

    @property
    def waiting(self) -> int:
        return len({place for line in self.lines.values() for place in line.places}) + len(self.due)

    def ring(self, topics: Iterable[str] | None) -> None:
        """There may be something at the bells of these topics; None: at any."""
        self.number += 1
        if topics is None:
            self.rung_all, bells = self.number, set(self.lines)
        else:
            self.rung |= dict.fromkeys(topics, self.number)
            bells = {bell for topic in topics for bell in self.heard_by.get(topic, ())}
        for bell in bells:
            self._call_some(bell, AT_ONCE)

    def holders(self) -> set[str]:
        """The credentials of those who wait."""
        return {place.holder for line in self.lines.values() for place in line.places}

    def call(self, holders: set[str]) -> None:
        """Whoever waits with one of these credentials shall look: it may be good for nothing any more."""
        for place in {
            place for line in self.lines.values() for place in line.places if place.holder in holders
        }:
            self._call(place)

    async def turn(
        self, names: Sequence[str], seen: int, until: float, gone: asyncio.Future[Any], holder: str = ""
    ) -> bool:
        """Wait at these bells, having looked when `seen` was the number. True: look again now, then say `looked`. False: no more of it."""
        if self.closed:
            return False
        loop, place, patience = (
            asyncio.get_running_loop(),
            Place(names, holder),
            random.uniform(*LOOK_AFTER_S),
        )
        lines = [self._join(place, name) for name in names]
        for line in lines:
            line.looked = loop.time()
        if self.rung_all > seen or any(
            self.rung.get(topic, 0) > seen for line in lines for topic in line.topics
        ):
            self._call(place)
        try:
            while not place.turn.done() and not gone.done() and (now := loop.time()) < until:
                look_at = until if place.called else max(line.looked for line in lines) + patience
                if look_at <= now:
                    for line in lines:
                        line.looked = now
                    self._call(place)
                else:
                    await asyncio.wait(
                        {place.turn, gone},
                        timeout=min(look_at, until) - now,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
            return place.turn.done() and place.turn.result()
        finally:
            self._leave(place)
            if place.called and not place.turn.done():  # it left before its turn came: somebody else's then
                self.due.remove(place)
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
        for place in [*self.due, *(place for line in self.lines.values() for place in line.places)]:
            if not place.turn.done():
                place.turn.set_result(False)
        self.due.clear()

    def _join(self, place: Place, bell: str) -> Line:
        if bell not in self.lines:
            line = self.lines[bell] = Line(bell.partition("#")[0].split(","))
            for topic in line.topics:
                self.heard_by.setdefault(topic, set()).add(bell)
        self.lines[bell].places[place] = None
        return self.lines[bell]

    def _leave(self, place: Place) -> None:
        for bell in place.names:
            if not (line := self.lines.get(bell)):
                continue
            line.places.pop(place, None)
            if not line.places:
                del self.lines[bell]
                for topic in line.topics:
                    self.heard_by[topic].discard(bell)
                    if not self.heard_by[topic]:
                        del self.heard_by[topic]

    def _call_next(self, names: Sequence[str]) -> None:
        for bell in names:
            self._call_some(bell, 1)

    def _call_some(self, bell: str, most: int) -> None:
        for place in list(self.lines[bell].places)[:most] if bell in self.lines else ():
            self._call(place)

    def _call(self, place: Place) -> None:
        self._leave(place)
        place.called = True
        self.due.append(place)
        self._admit()

    def _admit(self) -> None:
        while self.due and self.looking < AT_ONCE:
            self.looking += 1
            self.due.popleft().turn.set_result(True)
