"""Writing to a client through the ASGI server: without waiting, and never to a client that has left.

ASGI offers neither, so these functions use uvicorn's object behind `send`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Send = Callable[[dict[str, Any]], Awaitable[None]]


def put(send: Send, message: dict[str, Any]) -> bool:
    """Write now, without a task or a timer. False, with nothing written, if that would have to wait."""
    notice_leaving(send)
    sending = send(message).__await__()
    try:
        next(sending)
    except StopIteration:
        return True
    sending.close()
    return False


def put_answer(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
    """Write an ordinary answer as a whole, with its length in its headers. The server itself would write
    twice and look at each header, which costs as much as reading the request. False, with nothing written, if
    anything is unusual.
    """
    cycle = getattr(send, "__self__", None)
    if (
        type(cycle) is not RequestResponseCycle
        or cycle.response_started
        or cycle.disconnected
        or not cycle.keep_alive
        or cycle.flow.write_paused
        or cycle.transport.is_closing()
    ):
        return False
    lines = [b"%b: %b" % header for header in (*cycle.default_headers, *headers)]
    head = b"\r\n".join(lines)
    if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
        return False  # a header with a line break: the server refuses it
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, body))
    cycle.message_event.set()
    cycle.on_response()
    return True


async def put_when_taken(send: Send, message: dict[str, Any]) -> None:
    """Write as soon as the client takes more.

    Waiting inside of the server's own `send` would write, when the wait ends because the connection has
    failed, to a connection that is closed: uvloop raises. So the wait is ours, and each try looks first.
    """
    while not put(send, message):
        if flow := getattr(getattr(send, "__self__", None), "flow", None):
            await flow.drain()
        else:
            return await send(message)
    return None


def notice_leaving(send: Send) -> None:
    """Make sure that nothing is written to a client that has gone.

    uvicorn learns of it one turn of the loop later, and until then would still write.
    """
    connection = getattr(send, "__self__", None)
    transport = getattr(connection, "transport", None)
    if connection and transport and transport.is_closing():
        connection.disconnected = True


def cut_off(send: Send) -> None:
    """Drop a client that does not read; a regular close would wait in the same full buffer."""
    connection = getattr(send, "__self__", None)
    if transport := getattr(connection, "transport", None):
        transport.abort()
