"""A share of the request threads, for callers that can wait longer than a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from omoi_site.serving.request_threads import Busy, Threads, Turn

WAITING = 2000  # callers; a restart brings every open page back in the same second
PATIENCE_S = 20.0
PAUSE_S = 0.1  # before another try when requests occupy every thread


class ThreadShare:
    """Runs at most `count` calls at once in these threads, the others in the order in which they came.

    So many calls at one instant, as when all pages connect again, leave threads to requests and are not
    refused.
    """

    def __init__(self, threads: Threads, count: int, waiting: int = WAITING) -> None:
        self.threads = threads
        self.free = asyncio.Semaphore(count)
        self.room = count + waiting
        self.busy = 0  # calls without an answer: running and waiting

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run `call(*args)` and return its answer. Raises Busy if too many calls wait, or if its turn does
        not come in time.
        """
        if self.busy >= self.room:
            raise Busy()
        self.busy += 1
        try:
            turn = await self._turn(call, *args)
            try:
                return await turn
            finally:
                self.free.release()
        finally:
            self.busy -= 1

    async def _turn(self, call: Callable[..., Any], *args: Any) -> Turn:
        """The call in a thread; until it has ended it counts as one of `count`."""
        held = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                held = await self.free.acquire()
                while True:
                    try:
                        return self.threads.run(call, *args)
                    except Busy:
                        await asyncio.sleep(PAUSE_S)
        except BaseException as error:
            if held:
                self.free.release()
            if isinstance(error, TimeoutError):
                raise Busy() from error
            raise
