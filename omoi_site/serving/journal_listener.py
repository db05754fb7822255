"""Follows the journal: one connection per process reads what is new and passes it to the hub.

While much happens it looks by itself at short intervals, because a NOTIFY makes the writers queue. Otherwise
it sleeps until a NOTIFY comes.

Rights are checked at most a few seconds before a change is sent, and at once when the journal says that
rights changed. It has its own connection, so signals arrive even when every request thread is busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import psycopg

from omoi_site.serving.journal_change import Change
from omoi_site.serving.live_hub import Hub

GATHER_S = 0.05  # between two looks; so a topic gets one frame per look, however busy the journal is
QUIET_S = 2.0  # look after this time even without a ring
BUSY = 3  # rings that came at once after a look, one after the other: from then on it looks by itself
AWAKE_S = 1.0  # without news for so long, it sleeps
OPEN_SHARE = 20  # what an open transaction will tell without a ring is late by 1/20 of its age, or by QUIET_S
FORGET_S = 60.0  # between two removals of followers whose connection has ended
RIGHTS_S = 2.0  # how old the check of rights may be when a change is sent
LOOK_S = 12.0  # a look that takes longer means that the server is lost
PAUSES_S = (0.05, 2.0)  # before connecting again: first and longest

Link = psycopg.AsyncConnection[Any]
log = logging.getLogger(__name__)


class Journal(Protocol):
    """The journal, for one connection that follows it."""

    async def listen(self, link: Link) -> int:
        """Hear of what is committed from now on; returns the same as `fall_asleep`."""

    async def look(self, link: Link, cursor: str) -> Change: ...

    async def fall_asleep(self, link: Link) -> int:
        """Ask for a NOTIFY. Returns a transaction number: the older ones may commit without one."""

    async def wake_up(self, link: Link) -> None:
        """Do without a NOTIFY until it falls asleep again."""

    async def forget_ended(self, link: Link) -> None: ...


class JournalListener:
    """Feeds `hub` from the journal until it is cancelled. `recheck` removes followers that lost their rights;
    `address` has libpq's parameters; `lost` is called when the database goes away.
    """

    def __init__(
        self,
        hub: Hub,
        journal: Journal,
        recheck: Callable[[Link, Hub], Awaitable[None]],
        address: Callable[[], dict[str, Any]],
        lost: Callable[[], None],
    ) -> None:
        self.hub, self.journal, self.recheck, self.address, self.lost = hub, journal, recheck, address, lost
        self.rechecked = float("-inf")
        self.deaf_since: float | None = time.monotonic()  # None: it listens
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.run(), name="journal listener")

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=2)

    def health(self) -> str:
        """Empty if all is well, else what is wrong."""
        if self.deaf_since and (seconds := time.monotonic() - self.deaf_since) > 5:
            return f"live pages have received nothing from the journal for {seconds:.0f} s"
        return ""

    async def run(self) -> None:
        pause, longest = PAUSES_S
        while True:
            try:
                async with await self.connect() as link:
                    pause = PAUSES_S[0]
                    await self.follow(link)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the connection that follows the journal is lost: %s", type(error).__name__)
            except Exception:
                log.exception("following the journal failed")
            if self.deaf_since is None:
                self.deaf_since = time.monotonic()
                self.lost()
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, longest)

    async def connect(self) -> Link:
        link = await psycopg.AsyncConnection.connect(
            **self.address(), autocommit=True, application_name="omoi live"
        )
        try:
            await link.execute(
                "SELECT set_config('statement_timeout', '10s', false), set_config('lock_timeout', '500ms',"
                " false)"
            )
            # The same two statements run again and again, so one generic plan is enough.
            await link.execute("SET plan_cache_mode = force_generic_plan")
        except BaseException:
            await link.close()
            raise
        return link

    async def follow(self, link: Link) -> None:
        """Look, notify, wait.

        The cursor outlives the connection: after a loss, the first look finds everything that was missed.
        """
        sleep_mode, forgot = SleepMode(self.journal, link), float("-inf")
        await sleep_mode.begin()  # before the first look, so that no ring is missed
        while True:
            if time.monotonic() - forgot >= FORGET_S:
                await self.journal.forget_ended(link)
                forgot = time.monotonic()
            try:
                change = await self.next_change(link)
                if change.rights or time.monotonic() - self.rechecked >= RIGHTS_S:
                    began = time.monotonic()
                    await self.recheck(link, self.hub)
                    self.rechecked = began
            except (
                psycopg.errors.LockNotAvailable
            ):  # a table is being altered: nothing is sent until rights can be read again
                continue
            await self.hub.ring(change)
            self.deaf_since = None
            await sleep_mode.pause(change)

    async def next_change(self, link: Link) -> Change:
        async with asyncio.timeout(LOOK_S):
            try:
                return await self.journal.look(link, self.hub.cursor)
            except (
                psycopg.DataError,
                psycopg.errors.QueryCanceled,
            ) as error:  # the cursor is of another database, or there is too much to read in time
                log.warning("live pages start over: %s", type(error).__name__)
                return await self.journal.look(link, "")


class SleepMode:
    """Decides between two looks of a connection how it learns of what is new, and waits."""

    def __init__(self, journal: Journal, link: Link) -> None:
        self.journal, self.link = journal, link
        self.awake = False
        self.since = 0.0  # asleep: since when; awake: when the last news came
        self.silent_before = 0  # transactions with a lower number may commit without a ring
        self.busy = 0

    async def begin(self) -> None:
        self.silent_before = await self.journal.listen(self.link)
        self.since = time.monotonic()

    async def pause(self, change: Change) -> None:
        """Wait until it is time for the look after this one."""
        await asyncio.sleep(GATHER_S)
        if self.awake:
            await self.ring(0)  # else those that came for other followers would pile up
            if change.news:
                self.since = time.monotonic()
            elif time.monotonic() - self.since >= AWAKE_S:
                await self.fall_asleep()
            return
        at_once, rung = time.monotonic() + GATHER_S, await self.ring(self.longest_wait(change))
        self.busy = self.busy + 1 if rung and time.monotonic() < at_once else 0
        if self.busy >= BUSY:
            await self.wake_up()

    def longest_wait(self, change: Change) -> float:
        """How long to wait for a ring: less while a transaction is open that may commit without one."""
        if change.oldest_open > self.silent_before:
            return QUIET_S
        return min(QUIET_S, (time.monotonic() - self.since) / OPEN_SHARE)

    async def fall_asleep(self) -> None:
        self.silent_before = await self.journal.fall_asleep(self.link)
        self.awake, self.since, self.busy = False, time.monotonic(), 0

    async def wake_up(self) -> None:
        await self.journal.wake_up(self.link)
        self.awake, self.since = True, time.monotonic()

    async def ring(self, timeout: float) -> bool:
        """Whether a ring came within this time, or since the last call."""
        async with contextlib.aclosing(self.link.notifies(timeout=timeout, stop_after=1)) as rings:
            return bool([ring async for ring in rings])
