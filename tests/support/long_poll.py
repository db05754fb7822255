"""A client that waits for work: one socket, no thread, so that hundreds fit into a test."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Iterable
from typing import Any


class Poll:
    """`POST /claims` on a connection of its own. Nothing is read before it is asked for."""

    def __init__(
        self, port: int, key: str, *, wait_s: float = 30, headers: dict[str, str] | None = None, **asked: Any
    ) -> None:
        body = json.dumps({"wait_s": wait_s, **asked}).encode()
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.began = time.monotonic()
        self.socket.sendall(
            f"POST /api/v1/claims HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        self.came: float | None = None

    def fileno(self) -> int:
        return self.socket.fileno()

    def answered(self, seconds: float = 0) -> bool:
        """Whether an answer came, within so long."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return False
        self.came = self.came or time.monotonic()
        return True

    def answer(self, seconds: float = 10) -> tuple[int, str, Any]:
        """Status, head and document of the answer."""
        assert self.answered(seconds), "no answer in time"
        with self.socket, contextlib.closing(self.socket.makefile("rb")) as file:
            head = b"".join(iter(file.readline, b"\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")),
                0,
            )
            text = file.read(length)
        return int(head.split()[1]), head, json.loads(text) if text else None

    def leave(self) -> None:
        self.socket.close()


def answered(polls: Iterable[Poll], count: int, seconds: float = 20) -> list[Poll]:
    """Those that have an answer, as soon as there are `count` of them."""
    left, done, deadline = list(polls), [], time.monotonic() + seconds
    while len(done) < count:
        still = deadline - time.monotonic()
        assert still > 0, f"{len(done)} of {count} were answered in time"
        for poll in select.select(left, [], [], still)[0]:
            poll.came = time.monotonic()
            left.remove(poll)
            done.append(poll)
    return done
