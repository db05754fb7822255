"""A client that leaves while an answer waits for room is written nothing more."""

from __future__ import annotations

import asyncio
from typing import Any

from omoi_site.serving.asgi_send import put_when_taken


class Connection:
    """uvicorn's side of a connection whose buffer is full, and which fails while somebody waits for room."""

    def __init__(self) -> None:
        self.flow = self.transport = self
        self.room = asyncio.Event()
        self.disconnected = self.closed = False
        self.written: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> None:
        if not self.room.is_set() and not self.disconnected:
            await self.drain()
        if self.disconnected:
            return
        if self.closed:
            raise RuntimeError("the handler is closed")
        self.written.append(message)

    async def drain(self) -> None:
        await self.room.wait()

    def is_closing(self) -> bool:
        return self.closed

    def fail(self) -> None:
        """As uvloop does: closed at once, room for writers, and its protocol hears of it a turn later."""
        self.closed = True
        self.room.set()


def test_what_waited_for_room_is_not_written_to_a_connection_that_failed():
    async def leave() -> list[dict[str, Any]]:
        connection = Connection()
        waiting = asyncio.ensure_future(put_when_taken(connection.send, {"type": "http.response.start"}))
        await asyncio.sleep(0)  # now it waits
        connection.fail()
        await waiting
        return connection.written

    assert asyncio.run(leave()) == []


def test_what_waited_for_room_is_written_once_there_is_some():
    async def wait() -> list[dict[str, Any]]:
        connection = Connection()
        waiting = asyncio.ensure_future(put_when_taken(connection.send, {"type": "http.response.start"}))
        await asyncio.sleep(0)
        connection.room.set()
        await waiting
        return connection.written

    assert asyncio.run(wait()) == [{"type": "http.response.start"}]
