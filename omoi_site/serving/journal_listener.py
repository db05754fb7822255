"""Follows the journal: one connection per process listens for NOTIFY, reads what is new, and passes it to the
hub.

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
from typing import Any

import psycopg

from omoi_site.serving.live_hub import Change, Hub

GATHER_S = 0.05  # between two looks; so a topic gets one frame per look, however busy the journal is
QUIET_S = 2.0  # look after this time even without a ring
RIGHTS_S = 2.0  # how old the check of rights may be when a change is sent
LOOK_S = 12.0  # a look that takes longer means that the server is lost
PAUSES_S = (0.05, 2.0)  # before connecting again: first and longest

Link = psycopg.AsyncConnection[Any]
Look = Callable[[Link, str], Awaitable[Change]]
log = logging.getLogger(__name__)


class JournalListener:
    """Feeds `hub` until it is cancelled. `recheck` removes followers that lost their rights; `address` has
    libpq's parameters; `lost` is called when the database goes away.
    """

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
            await link.execute("LISTEN omoi_events")  # before the first look, so that no ring is missed
        except BaseException:
            await link.close()
            raise
        return link

    async def follow(self, link: Link) -> None:
        """Look, notify, wait for a ring.

        The cursor outlives the connection: after a loss, the first look finds everything that was missed.
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
            ):  # a table is being altered: nothing is sent until rights can be read again
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
            ) as error:  # the cursor is of another database, or there is too much to read in time
                log.warning("live pages start over: %s", type(error).__name__)
                return await self.look(link, "")
