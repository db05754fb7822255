"""The doorbell of the journal: one connection a process that listens, looks what is new, and has the hub tell
of it.

Before it tells anything it has looked, a few seconds ago at most and at once when the journal says that
rights changed, who may still hear it. The connection is its own and not a request thread's: signals arrive
also when every thread is busy, and a look costs no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from omoi_site.serving.hub import Change, Hub

GATHER_S = 0.05  # between two looks: one frame a topic, however busy the journal
QUIET_S = 2.0  # without a ring, look anyway
RIGHTS_S = 2.0  # how old what is known of rights may be when something is told
LOOK_S = 12.0  # a look that takes longer has lost its server
PAUSES_S = (0.05, 2.0)  # before connecting again: first and longest

Link = psycopg.AsyncConnection[Any]
Look = Callable[[Link, str], Awaitable[Change]]
log = logging.getLogger(__name__)


class Pump:
    """Feeds `hub` until it is cancelled. `recheck` takes from it who may hear no more; `address` are libpq's
    parameters; `lost` is called when the database goes away."""

    def __init__(
        self,
        hub: Hub,
        look: Look,
        recheck: Callable[[Link, Hub], Awaitable[None]],
        address: Callable[[], dict[str, Any]],
        lost: Callable[[], None],
    ) -> None:
        self.hub, self.look, self.recheck, self.address, self.lost = hub, look, recheck, address, lost
        self.rechecked = float("-inf")
        self.deaf_since: float | None = time.monotonic()  # None: it listens
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.run(), name="pump")

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=2)

    def health(self) -> str:
        """Empty, or what is wrong."""
        if self.deaf_since and (seconds := time.monotonic() - self.deaf_since) > 5:
            return f"live pages have heard nothing of the journal for {seconds:.0f} s"
        return ""

    async def run(self) -> None:
        pause, longest = PAUSES_S
        while True:
            try:
                async with await self.connect() as link:
                    pause = PAUSES_S[0]
                    await self.follow(link)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the journal's doorbell is away: %s", type(error).__name__)
            except Exception:
                log.exception("the journal's doorbell broke")
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
            # Two statements, asked again and again: a plan for any values does, and is made once.
            await link.execute("SET plan_cache_mode = force_generic_plan")
            await link.execute("LISTEN omoi_events")  # before the first look: no ring falls in between
        except BaseException:
            await link.close()
            raise
        return link

    async def follow(self, link: Link) -> None:
        """Look, tell, wait for a ring.

        The cursor outlives the connection: after a loss the first look tells of all that was missed.
        """
        while True:
            try:
                change = await self.next_change(link)
                if change.rights or time.monotonic() - self.rechecked >= RIGHTS_S:
                    began = time.monotonic()
                    await self.recheck(link, self.hub)
                    self.rechecked = began
            except (
                psycopg.errors.LockNotAvailable
            ):  # a table is being changed: nothing is told before rights are known again
                continue
            await self.hub.ring(change)
            self.deaf_since = None
            await asyncio.sleep(GATHER_S)
            async with contextlib.aclosing(link.notifies(timeout=QUIET_S, stop_after=1)) as rings:
                async for _ in rings:
                    pass

    async def next_change(self, link: Link) -> Change:
        async with asyncio.timeout(LOOK_S):
            try:
                return await self.look(link, self.hub.cursor)
            except (
                psycopg.DataError,
                psycopg.errors.QueryCanceled,
            ) as error:  # no cursor of this database, or too much for the time
                log.warning("live pages start over: %s", type(error).__name__)
                return await self.look(link, "")
