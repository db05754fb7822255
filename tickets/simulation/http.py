"""The HTTP client of a simulation: one persistent connection, with the standard library.

A cheap client leaves the CPU to the server that is measured.
"""

from __future__ import annotations

import http.client
import json
import select
import time
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit


class Unanswered(Exception):
    """No answer came, so the call may or may not have reached the server."""


@dataclass(frozen=True)
class Answer:
    """An answer; `seconds` since the call was sent."""

    call: str
    status: int
    headers: Message
    text: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The stable code of a refusal; empty for other answers."""
        if self.status < 400 or "json" not in self.headers.get("Content-Type", ""):
            return ""
        return str(self.json().get("code", ""))


class Client:
    """A client of the server at `url`, with a key or without."""

    def __init__(self, url: str, patience_s: float, key: str = "") -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.netloc, timeout=patience_s)
        self.root = parts.path
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
        return self._ask(
            "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        )

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send one call and return its answer. Raises Unanswered."""
        began = time.perf_counter()
        try:
            if self.connection.sock and select.select([self.connection.sock], [], [], 0)[0]:
                self.connection.close()  # the server may have closed it while it was idle
            self.connection.request(method, self.root + path, body, self.headers | headers)
            response = self.connection.getresponse()
            return Answer(
                f"{method} {path}",
                response.status,
                response.headers,
                response.read(),
                time.perf_counter() - began,
            )
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Unanswered(type(error).__name__) from error
