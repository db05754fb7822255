"""The server: uvicorn, with limits that it does not have.

A connection that never sends a whole request head is closed. One that never reads the rest of its answer is
dropped. Before the port closes, /readyz announces the stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from omoi_site.errors import Malformed, OmoiError
from omoi_site.serving.client_address import network
from omoi_site.serving.client_limits import Budget
from omoi_site.serving.error_answers import refusal
from omoi_site.serving.request_body import LEFT_OVER

HEAD_S = 15.0
HEAD = 64 << 10  # bytes of a request's line and headers
FRAMING = 8  # bytes of chunk framing per byte of body: enough for chunks of one byte each
LINGER_S = 5.0  # how long a refused client may go on sending before it reads
SOCKETS = 2000
SWEEP_TICKS = 200  # uvicorn ticks ten times a second


class HeadTooLong(OmoiError):
    """The request line and headers, or the framing of the chunks, are larger than the limit."""

    code = "head_too_long"
    status = 431
    title = "The request headers are too long"
    next_action = f"Send at most {HEAD >> 10} KiB of headers, including the address."


class Connection(HttpToolsProtocol):
    """One client's connection."""

    impatience: asyncio.TimerHandle | None = None
    url = b""
    address = ""  # the address it is counted under; empty: not counted
    beside = 0  # bytes of this message that are not body: the head, chunk framing, trailers
    body = 0
    refused: OmoiError | None = None
    dropped = 0

    sockets = Budget(SOCKETS, "at most {limit} connections are allowed from one address")
    trusted = _TrustedHosts("")  # proxies: many clients share one, so its connections are not limited

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        host = (self.client or ("",))[0]
        if host and host not in self.trusted:
            self.count(network(host))
        if not self.refused:
            self.expect_head()

    def count(self, address: str) -> None:
        self.address = address
        self.sockets.held[address] += 1
        if (held := self.sockets.held[address]) > 2 * self.sockets.limit:
            self.transport.abort()  # too many even to send an error
        elif held > self.sockets.limit:
            self.refuse(self.sockets.refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self.head_came()
        self.uncount()
        super().connection_lost(exc)

    def uncount(self) -> None:
        if self.address:
            self.sockets.give_back(self.address)
            self.address = ""

    def handle_websocket_upgrade(self) -> None:
        self.head_came()
        super().handle_websocket_upgrade()
        live: Any = self.transport.get_protocol()
        live.address, self.address = self.address, ""  # from now on it is counted there

    def data_received(self, data: bytes) -> None:
        if self.refused:
            self.dropped += len(data)
            if self.dropped > LEFT_OVER:
                self.transport.abort()
            return
        self.beside += len(data)
        super().data_received(data)
        if not self.refused and self.beside > HEAD + FRAMING * self.body:
            self.refuse(HeadTooLong())
        if self.idle and not self.impatience:  # bytes that begin no request must not keep a connection open
            self.expect_head()

    @property
    def idle(self) -> bool:
        """Between requests."""
        mine = self.transport.get_protocol() is self
        return (
            mine
            and not self.refused
            and not self.transport.is_closing()
            and (self.cycle is None or self.cycle.response_complete)
        )

    def on_message_begin(self) -> None:
        self.body = 0
        super().on_message_begin()
        self.expect_head()

    def on_headers_complete(self) -> None:
        self.head_came()
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD:
            raise HeadTooLong()
        self.beside = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.body += len(body)
        self.beside -= len(body)
        super().on_body(body)

    def expect_head(self) -> None:
        self.head_came()
        self.impatience = self.loop.call_later(HEAD_S, self.transport.abort)

    def head_came(self) -> None:
        if self.impatience:
            self.impatience.cancel()
            self.impatience = None

    def send_400_response(self, msg: str) -> None:
        """The parser refuses this before the application sees it, so answer here in the application's
        format.
        """
        fault = sys.exc_info()[1]  # uvicorn calls this while it handles the parser's exception
        reason = fault.__context__ if fault else None
        self.refuse(reason if isinstance(reason, HeadTooLong) else Malformed("the request is not valid HTTP"))

    def refuse(self, error: OmoiError) -> None:
        """Answer, and close once the client has read the answer. Closing while unread bytes are left would
        reset the connection before that.
        """
        self.refused = error
        self.head_came()
        if self.cycle and not self.cycle.response_complete:  # the application is already answering
            self.transport.abort()
            return
        headers, text = refusal(error)
        lines = [
            name + b": " + value
            for name, value in (*self.server_state.default_headers, *headers, (b"connection", b"close"))
        ]
        self.transport.write(STATUS_LINE[error.status] + b"\r\n".join(lines) + b"\r\n\r\n" + text)
        self.transport.write_eof()
        self.impatience = self.loop.call_later(LINGER_S, self.transport.abort)


class Live(WebSocketsSansIOProtocol):
    """A connection that became a WebSocket."""

    address = ""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.address:
            Connection.sockets.give_back(self.address)
        super().connection_lost(exc)


class Server(uvicorn.Server):
    """A server that announces its stop.

    At a signal it calls `drain` and closes the port `drain_s` later; at a second signal it closes now.
    """

    def __init__(
        self, config: uvicorn.Config, *, drain: Callable[[], None], drain_s: float, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.drain = drain
        self.drain_s = drain_s
        self.ready = ready
        self.loop: asyncio.AbstractEventLoop | None = None
        self.draining = False
        self.closing: set[Any] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.draining or self.loop is None:
            return super().handle_exit(sig, frame)
        self.draining = True
        self.loop.call_soon_threadsafe(self.drain)
        self.loop.call_soon_threadsafe(self.loop.call_later, self.drain_s, super().handle_exit, sig, frame)
        return None

    async def on_tick(self, counter: int) -> bool:
        if counter % SWEEP_TICKS == 0:
            self.sweep()
        return await super().on_tick(counter)

    def sweep(self) -> None:
        """Drop connections that were already closing at the last sweep: their clients do not read."""
        closing: set[Any] = {
            connection for connection in self.server_state.connections if connection.transport.is_closing()
        }
        for connection in closing & self.closing:
            connection.transport.abort()
        self.closing = closing


def serve(
    application: Any,
    listener: socket.socket,
    *,
    drain: Callable[[], None],
    drain_s: float,
    ready: Callable[[], None],
    sockets: int = SOCKETS,
) -> None:
    """Serve on a bound socket until a signal comes. `sockets` limits the connections of one address, except
    those of a trusted proxy.
    """
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "")  # else a local program could claim any address
    Connection.trusted, Connection.sockets.limit = _TrustedHosts(trusted), sockets
    config = uvicorn.Config(
        application,
        http=Connection,
        ws=Live,  # its send writes nothing if it would have to wait; the hub relies on that
        ws_max_size=64 << 10,
        ws_per_message_deflate=False,
        lifespan="on",
        backlog=2048,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted or None,
        timeout_graceful_shutdown=10,
    )
    Server(config, drain=drain, drain_s=drain_s, ready=ready).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to host and port (0: any free one); an OSError names what is wrong with them."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def raise_file_limit() -> None:
    """Raise the limit of open files to the hard limit: the usual soft limit of 1,024 exists for `select`."""
    import resource  # absent on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
