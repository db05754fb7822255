"""Many open WebSockets of one client process, with as little work per frame as Python allows, because it
shares the machine with the server.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from bench.processes import BenchFailed

PATIENCE_S = 60.0
TEXT, PING, PONG = 1, 9, 10  # kinds of frames


class Page(asyncio.Protocol):
    """One open socket. It counts the frames that come, and keeps when the last one came."""

    transport: Any

    def __init__(self, request: bytes) -> None:
        self.request, self.read = request, b""
        self.frames, self.wanted, self.at = 0, 0, 0.0
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.came: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, error: Exception | None) -> None:
        for waiting in (self.opened, self.came):
            if not waiting.done():
                waiting.set_exception(BenchFailed(f"the server closed a page: {self.read[:300]!r}"))
                waiting.exception()

    def data_received(self, data: bytes) -> None:
        self.read = self.read + data if self.read else data
        if not self.opened.done() and not self._shake_hands():
            return
        self._count_frames()
        if self.wanted and self.frames >= self.wanted and not self.came.done():
            self.at = time.perf_counter()
            self.came.set_result(None)

    def _shake_hands(self) -> bool:
        """Whether the answer to the request has come; one that refuses closes the page."""
        head, end, rest = self.read.partition(b"\r\n\r\n")
        if end and b" 101 " in head[:20]:
            self.read = rest
            self.opened.set_result(None)
            return True
        if end:
            self.transport.close()
        return False

    def _count_frames(self) -> None:
        data, at, length = self.read, 0, len(self.read)
        while length - at >= 2:
            begin, size = at + 2, data[at + 1]
            if size == 126:
                if length - at < 4:
                    break
                begin, size = at + 4, int.from_bytes(data[at + 2 : at + 4])
            if length - begin < size:
                break
            kind = data[at] & 15
            at = begin + size
            if kind == TEXT:
                self.frames += 1
            elif kind == PING:
                self.write(data[begin:at], PONG)
        self.read = data[at:]

    def write(self, content: bytes, kind: int = TEXT) -> None:
        """A frame of less than 64 KiB; its mask is zero."""
        size = len(content)
        length = bytes([128 | size]) if size < 126 else bytes([128 | 126]) + size.to_bytes(2)
        self.transport.write(bytes([128 | kind]) + length + bytes(4) + content)

    def expect(self, frames: int) -> asyncio.Future[None]:
        """Done when so many more frames have come."""
        self.frames, self.wanted = 0, frames
        self.came = asyncio.get_running_loop().create_future()
        return self.came


class Pages:
    """The open pages of one server."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port = port
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "Origin": f"http://127.0.0.1:{port}",
            "Cookie": cookie,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.request = f"GET /ws/live/ HTTP/1.1\r\n{head}\r\n".encode()
        self.pages: list[Page] = []

    async def connect(self) -> Page:
        loop = asyncio.get_running_loop()
        _, page = await loop.create_connection(lambda: Page(self.request), "127.0.0.1", self.port)
        await page.opened
        return page

    async def open(self, count: int, subscription: bytes = b"") -> None:
        """Open so many at once; each has subscribed when this returns."""
        async with asyncio.timeout(PATIENCE_S):
            self.pages = list(await asyncio.gather(*(self.connect() for _ in range(count))))
        for text in (subscription, b"{}"):  # each has one answer
            if text:
                await self.all_receive(1, partial(self.write, text))

    async def write(self, text: bytes) -> None:
        for page in self.pages:
            page.write(text)

    async def all_receive(self, frames: int, begin: Callable[[], Awaitable[Any]]) -> list[float]:
        """After how many seconds from `begin()` on each page had this many frames."""
        coming = [page.expect(frames) for page in self.pages]
        begun = time.perf_counter()
        await begin()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*coming)
        return [page.at - begun for page in self.pages]
