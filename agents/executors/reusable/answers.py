"""The answers of a reusable process among its output."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agents.executors.reusable import child

HEAD = struct.calcsize(child.ANSWER)


@dataclass(frozen=True)
class Answer:
    """size: of the value, of which a long one is not sent. remains: why the process takes no further call."""

    number: int
    size: int
    remains: str
    value: bytes


class Answers:
    """Takes the output as it comes. mark: what stands before each answer; only we and the process know it."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(16).encode()
        self.unread = b""

    def take(self, piece: bytes) -> Iterator[bytes | Answer]:
        """What has come whole, in order: output, and answers."""
        self.unread += piece
        while (at := self.unread.find(self.mark)) >= 0:
            if at:
                yield self.unread[:at]
                self.unread = self.unread[at:]
            start = len(self.mark) + HEAD
            if len(self.unread) < start:
                return
            number, size, words, length = struct.unpack_from(child.ANSWER, self.unread, len(self.mark))
            end = start + words + length
            if len(self.unread) < end:
                return
            remains = self.unread[start : start + words].decode(errors="replace")
            value, self.unread = self.unread[start + words : end], self.unread[end:]
            yield Answer(number, size, remains, value)
        kept = len(self.mark) - 1  # it may be the beginning of a mark
        if len(self.unread) > kept:
            output, self.unread = self.unread[:-kept], self.unread[-kept:]
            yield output

    def rest(self) -> bytes:
        """Output that was kept back, once no more comes."""
        rest, self.unread = self.unread, b""
        return rest
