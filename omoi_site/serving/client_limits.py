"""Limits for each client in this process."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from omoi_site.errors import OmoiError


class TooMuchAtOnce(OmoiError):
    """This client has reached a limit; the message says which."""

    code = "limit_reached"
    status = 429
    title = "You have reached a limit"
    next_action = "End some of your requests, or try again in a second."


class Budget:
    """At most `limit` for every holder, which is an address or a principal; an empty name is not counted.
    `words` is the error message, with a place for `{limit}`.
    """

    def __init__(self, limit: int, words: str) -> None:
        self.limit = limit
        self.words = words
        self.held: Counter[str] = Counter()

    def take(self, holder: str, amount: int = 1) -> None:
        """Add `amount` to what the holder has; raises TooMuchAtOnce, and then adds nothing."""
        if not holder:
            return
        if self.held[holder] + amount > self.limit:
            raise self.refusal
        self.held[holder] += amount

    @property
    def refusal(self) -> TooMuchAtOnce:
        return TooMuchAtOnce(self.words.format(limit=self.limit), limit=self.limit)

    def give_back(self, holder: str, amount: int = 1) -> None:
        self.held[holder] -= amount
        if self.held[holder] <= 0:
            del self.held[holder]

    @contextlib.contextmanager
    def taken(self, holder: str) -> Iterator[None]:
        """Hold one for the duration of the block."""
        self.take(holder)
        try:
            yield
        finally:
            self.give_back(holder)


class Bounds:
    """The limits of a web process for each client."""

    def __init__(self, *, connections: int = 2000, waits: int = 500, body_bytes: int = 256 << 20) -> None:
        self.requests = Budget(connections, "at most {limit} requests at once are allowed from one address")
        self.waits = Budget(waits, "at most {limit} live sockets and waiting requests per key or person")
        self.bytes = Budget(body_bytes, "at most {limit} bytes of request bodies at once per key or person")
