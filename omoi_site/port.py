"""The port: uvicorn, and what it leaves open.

A connection that never sends a whole request head is closed, one that never takes the rest of its answer is dropped, and a
stop is announced to whoever watches /readyz before the door shuts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from omoi_site.errors import Malformed
from omoi_site.refusals import refusal

HEAD_S = 15.0
SWEEP_TICKS = 200  # uvicorn ticks ten times a second


class Connection(HttpToolsProtocol):
    """One client's connection."""

    impatience: asyncio.TimerHandle | None = None
    url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.expect_head()

    def on_headers_complete(self) -> None:
        self.head_came()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.head_came()
        super().connection_lost(exc)

    def expect_head(self) -> None:
        self.head_came()
        self.impatience = self.loop.call_later(HEAD_S, self.transport.abort)

    def head_came(self) -> None:
        if self.impatience:
            self.impatience.cancel()
            self.impatience = None

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses never reaches the application: answer in the application's words."""
        headers, text = refusal(self.url.decode("latin1"), Malformed("the request is not valid HTTP"))
        lines = [name + b": " + value for name, value in (*self.server_state.default_headers, *headers, (b"connection", b"close"))]
        self.transport.write(STATUS_LINE[400] + b"\r\n".join(lines) + b"\r\n\r\n" + text)
        self.transport.close()


class Server(uvicorn.Server):
    """A server that says so before it stops. `drain` is called at once; the door shuts `drain_s` later, at a second signal now."""

    def __init__(self, config: uvicorn.Config, *, drain: Callable[[], None], drain_s: float, ready: Callable[[], None]) -> None:
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
        """Drop connections that were closing at the last look and still are: their clients do not read the rest."""
        closing: set[Any] = {connection for connection in self.server_state.connections if connection.transport.is_closing()}
        for connection in closing & self.closing:
            connection.transport.abort()
        self.closing = closing


def serve(application: Any, listener: socket.socket, *, drain: Callable[[], None], drain_s: float, ready: Callable[[], None]) -> None:
    """Serve on a bound socket until a signal says otherwise."""
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "")  # else any local program could claim any address
    config = uvicorn.Config(
        application,
        http=Connection,
        ws="websockets-sansio",  # its send writes nothing when it would wait: the hub counts on that
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
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
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
    """As many open connections as this process may have: the usual soft limit of 1,024 is for `select`."""
    import resource  # absent on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
