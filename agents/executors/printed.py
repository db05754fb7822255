"""Printed: what a job has printed since somebody last asked, bounded however much that is."""

from __future__ import annotations

import threading

ROOM = 32 << 10  # bytes that are kept of the beginning, and of the end, of what nobody has fetched yet
LONGEST_LETTER = 4  # bytes in UTF-8


class Printed:
    """Filled by the thread that carries the job out, and fetched by another."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.place = 0  # bytes that were fetched or left out
        self.head = bytearray()
        self.tail = bytearray()
        self.taken = 0  # bytes since then

    def take(self, data: bytes) -> None:
        with self.lock:
            self.taken += len(data)
            room = ROOM - len(self.head)
            self.head += data[:room]
            self.tail += data[max(0, room) :]
            if len(self.tail) > 4 * ROOM:  # now and then: a flood in small pieces must not copy it each time
                del self.tail[:-ROOM]

    def fetch(self, *, ended: bool = False) -> list[tuple[int, bytes]]:
        """What has come since the last call, each with the bytes that were printed before it. A letter that
        is not whole yet waits for its rest, unless the job has `ended`.
        """
        with self.lock:
            del self.tail[: max(0, len(self.tail) - ROOM)]
            end = self.place + self.taken
            pieces = [(self.place, bytes(self.head)), (end - len(self.tail), bytes(self.tail))]
            together = pieces[0][0] + len(self.head) == pieces[1][0]
            if together:
                pieces = [(self.place, bytes(self.head + self.tail))]
            at, last = pieces[-1]
            kept = b"" if ended else _unfinished(last)
            pieces[-1] = (at, last[: len(last) - len(kept)])
            self.place, self.taken = end - len(kept), len(kept)
            self.head, self.tail = bytearray(kept), bytearray()
        return [(at, piece) for at, piece in pieces if piece]

    @property
    def any(self) -> bool:
        return self.taken > 0


def _unfinished(data: bytes) -> bytes:
    """The first bytes of a letter at the end, if the others are still to come."""
    for number in range(1, min(LONGEST_LETTER, len(data) + 1)):
        first = data[-number]
        if first & 0xC0 == 0x80:  # it goes on a letter
            continue
        length = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1
        return data[-number:] if length > number else b""
    return b""
