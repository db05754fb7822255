"""Answers are written as the server itself would, but never to a client that has left or does not read."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from unittest.mock import Mock

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from omoi_site.serving.asgi_send import put_answer, put_when_taken


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


HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


class Transport:
    """What is written to a client that reads, or to one that has left."""

    def __init__(self, *, closing: bool = False) -> None:
        self.closing = closing
        self.written: list[bytes] = []

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written.append(data)


def cycle(*, keep_alive: bool = True, closing: bool = False) -> RequestResponseCycle:
    """The server's own object for one request, which has been read."""
    transport: Any = Transport(closing=closing)
    return RequestResponseCycle(
        scope={"type": "http", "method": "GET"},
        transport=transport,
        flow=FlowControl(transport),
        logger=logging.getLogger("uvicorn"),
        access_logger=logging.getLogger("uvicorn"),
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=Mock(),
    )


def state(request: RequestResponseCycle) -> Any:
    return (
        request.response_started,
        request.response_complete,
        request.message_event.is_set(),
        request.on_response.call_count,
    )


def test_an_answer_as_a_whole_is_what_the_server_writes_in_two_parts():
    whole, parts = cycle(), cycle()
    assert put_answer(whole.send, 200, HEADERS, b"{}")
    asyncio.run(parts.send({"type": "http.response.start", "status": 200, "headers": HEADERS}))
    asyncio.run(parts.send({"type": "http.response.body", "body": b"{}"}))
    assert whole.transport.written == [b"".join(parts.transport.written)]
    assert state(whole) == state(parts) == (True, True, True, 1)


@pytest.mark.parametrize("unusual", ["last", "closing", "left", "paused", "started", "other"])
def test_anything_unusual_is_left_to_the_server(unusual):
    request = cycle(keep_alive=unusual != "last", closing=unusual == "closing")
    request.disconnected = unusual == "left"
    request.flow.write_paused = unusual == "paused"
    request.response_started = unusual == "started"
    send = Connection().send if unusual == "other" else request.send
    assert not put_answer(send, 200, HEADERS, b"{}")
    assert request.transport.written == []


@pytest.mark.parametrize("wrong", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_a_header_with_a_line_break_is_left_to_the_server_which_refuses_it(wrong):
    request = cycle()
    headers = [*HEADERS, (b"link", wrong)]
    assert not put_answer(request.send, 200, headers, b"{}")
    assert not request.response_started
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        asyncio.run(request.send({"type": "http.response.start", "status": 200, "headers": headers}))
