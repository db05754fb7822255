"""What a process said: its beginning and its end, made safe to store."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from typing import Any

KEPT = 64 << 10
DEEPEST = 32


class Output:
    """Takes all that comes and keeps the first and the last of it, KEPT bytes at most."""

    def __init__(self, kept: int = KEPT) -> None:
        self.head_room = kept // 2
        self.tail_room = kept - self.head_room
        self.head = bytearray()
        self.tail = bytearray()
        self.dropped = 0
        self.taken = 0
        self.sha256 = hashlib.sha256()  # of all of it

    def take(self, data: bytes) -> None:
        self.taken += len(data)
        self.sha256.update(data)
        room = self.head_room - len(self.head)
        self.head += data[:room]
        self.tail += data[max(0, room) :]
        if (
            len(self.tail) > 4 * self.tail_room
        ):  # now and then: a flood in small pieces must not copy the tail each time
            self._trim()

    def text(self) -> str:
        """What is kept; what was dropped is counted in its place."""
        self._trim()
        gap = f"\n[… {self.dropped} bytes dropped …]\n".encode() if self.dropped else b""
        return safe_text(bytes(self.head + gap + self.tail))

    def end_of_text(self, length: int = 2000) -> str:
        self._trim()
        return safe_text(bytes((self.head + self.tail)[-length:])).strip()

    def _trim(self) -> None:
        over = len(self.tail) - self.tail_room
        if over > 0:
            del self.tail[:over]
            self.dropped += over


def safe_text(text: bytes | str) -> str:
    """Text that PostgreSQL stores: what is no UTF-8, half a pair, and NUL become U+FFFD."""
    if isinstance(text, str) and text.isascii() and "\0" not in text:
        return text
    whole = (
        text.decode("utf-8", "replace")
        if isinstance(text, bytes)
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    return whole.replace("\0", "\ufffd")


def safe_json(document: Any) -> bytes:
    """The document as JSON, made `safe`; what is safe as it is, as most are, is not gone through."""
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        if text.count("{") + text.count("[") <= DEEPEST and "\\u0000" not in text:
            return text.encode()
    return json.dumps(safe(document), ensure_ascii=False).encode()


def safe(value: Any, depth: int = 0) -> Any:
    """A JSON value that jsonb stores: text made safe; numbers JSON lacks, and what lies too deep, as text."""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEEPEST:
        return safe_text(str(value))
    if isinstance(value, dict):
        return {safe_text(str(name)): safe(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [safe(inner, depth + 1) for inner in value]
    return safe_text(str(value))
