"""A load client: one thread, many keep-alive connections, and as little work per request as Python allows,
because it shares the machine with the server that it loads.

Each connection runs a flow: a generator that yields the bytes of a request and is sent the answer to it.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.processes import BenchFailed

PATIENCE_S = 120.0
READ = 1 << 18


class Answer(NamedTuple):
    """The answer to one request."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Flow = Generator[bytes, Answer, None]
Ports = tuple[int, ...]  # of the processes of one server


class LoadFailed(BenchFailed):
    """A server answered what a load does not expect, or not at all."""


def request(method: str, path: str, *, key: str = "", body: Any = None) -> bytes:
    """The bytes of one request with a bearer key and a JSON body."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass
class Load:
    """What a load did: how many requests, how long each took, and for how long it went on."""

    requests: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True)
class Limit:
    """When a load ends: after these seconds, or this many requests. per_s: how many are sent at most."""

    seconds: float = 3.0
    requests: int | None = None
    per_s: float | None = None


class _Connection:
    """One connection, and the flow that it runs."""

    def __init__(self, port: int, flow: Flow) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flow = flow
        self.read = b""
        self.sent_at = 0.0
        self.wanted: bytes | None = next(flow, None)

    def send(self) -> None:
        assert self.wanted is not None
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.wanted)

    def receive(self) -> Answer | None:
        """The answer, once all of it has come."""
        piece = self.socket.recv(READ)
        if not piece:
            raise LoadFailed("the server closed a connection")
        self.read = self.read + piece if self.read else piece
        end = self.read.find(b"\r\n\r\n")
        if end < 0:
            return None
        status, length = int(self.read[9:12]), body_length(self.read[:end])
        if len(self.read) - end - 4 < length:
            return None
        body, self.read = self.read[end + 4 : end + 4 + length], self.read[end + 4 + length :]
        return Answer(status, body)

    def answered(self, answer: Answer) -> None:
        try:
            self.wanted = self.flow.send(answer)
        except StopIteration:
            self.wanted = None


def body_length(head: bytes) -> int:
    """The Content-Length of an answer; 0 without one, as for 204."""
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lower[at + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding:" in lower:
        raise LoadFailed("an answer came without its length")
    return 0


def drive(ports: Ports, flows: Sequence[Flow], limit: Limit) -> Load:
    """Run each flow on a connection of its own until the limit; then wait for the last answers. The
    connections are spread evenly over the ports.
    """
    load, poll = Load(), select.epoll()
    made = [_Connection(ports[n % len(ports)], flow) for n, flow in enumerate(flows)]
    connections = {connection.socket.fileno(): connection for connection in made}
    try:
        for descriptor in connections:
            poll.register(descriptor, select.EPOLLIN)
        _run(load, poll, connections, limit)
    finally:
        poll.close()
        for connection in connections.values():
            connection.flow.close()
            connection.socket.close()
    return load


def _run(load: Load, poll: select.epoll, connections: dict[int, _Connection], limit: Limit) -> None:
    most = limit.requests if limit.requests is not None else 1 << 60
    sent, open_requests, begun = 0, 0, time.perf_counter()
    # in turn: the server closes a connection that stays idle
    waiting = deque(each for each in connections.values() if each.wanted is not None)
    ends = begun + limit.seconds
    while True:
        now = time.perf_counter()
        allowed = most if limit.per_s is None else min(most, int((now - begun) * limit.per_s) + 1)
        while waiting and sent < allowed and now < ends:
            waiting.popleft().send()
            sent, open_requests = sent + 1, open_requests + 1
        if not open_requests and (now >= ends or sent >= most or not waiting):
            break
        ready = poll.poll(0.002 if limit.per_s is not None and now < ends else PATIENCE_S)
        if not ready and limit.per_s is None:
            raise LoadFailed(f"no answer within {PATIENCE_S:.0f} s")
        for descriptor, _ in ready:
            connection = connections[descriptor]
            if (answer := connection.receive()) is None:
                continue
            load.latencies.append(time.perf_counter() - connection.sent_at)
            load.statuses[answer.status] += 1
            open_requests -= 1
            connection.answered(answer)
            if connection.wanted is None:
                poll.unregister(descriptor)  # the server may close it
            else:
                waiting.append(connection)
    load.requests, load.seconds = len(load.latencies), time.perf_counter() - begun


def repeated(requests: Iterable[bytes], *, expect: int = 200, keep: list[bytes] | None = None) -> Flow:
    """A flow that sends these requests in turn, for ever. keep: where the bodies of the answers go."""
    turn = list(requests)
    while True:
        for each in turn:
            answer = yield each
            if answer.status != expect:
                raise LoadFailed(f"answered {answer.status} instead of {expect}: {answer.body[:300]!r}")
            if keep is not None:
                keep.append(answer.body)


def shared_out(requests: Sequence[bytes], connections: int) -> list[list[bytes]]:
    """The requests of many agents over few connections, so that no two connections act as one agent."""
    return [list(requests[first::connections]) for first in range(min(connections, len(requests)))]
