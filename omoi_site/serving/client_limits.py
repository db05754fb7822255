"""How much of something each client may hold at a time, in this process."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from omoi_site.errors import OmoiError


class TooMuchAtOnce(OmoiError):
    """This client holds as much as one may; the message says of what."""

    code = "limit_reached"
    status = 429
    title = "Too much at once"
    next_action = "End some of your requests, or try again after a second."


class Budget:
    """`each` for every holder, an address or a principal; who has no name is not counted. `words` says of
    what: `{each}` is filled in.
    """

    def __init__(self, each: int, words: str) -> None:
        self.each = each
        self.words = words
        self.held: Counter[str] = Counter()

    def take(self, holder: str, amount: int = 1) -> None:
        """Note that it holds so much more; raises TooMuchAtOnce, and then it does not."""
        if not holder:
            return
        if self.held[holder] + amount > self.each:
            raise self.refusal
        self.held[holder] += amount

    @property
    def refusal(self) -> TooMuchAtOnce:
        return TooMuchAtOnce(self.words.format(each=self.each), limit=self.each)

    def give_back(self, holder: str, amount: int = 1) -> None:
        self.held[holder] -= amount
        if self.held[holder] <= 0:
            del self.held[holder]

    @contextlib.contextmanager
    def taken(self, holder: str) -> Iterator[None]:
        """One of it, for as long as the block lasts."""
        self.take(holder)
        try:
            yield
        finally:
            self.give_back(holder)


class Bounds:
    """What a web process bounds for each client."""

    def __init__(self, *, connections: int = 2000, waits: int = 500, body_bytes: int = 256 << 20) -> None:
        self.requests = Budget(connections, "at most {each} requests at once from one address")
        self.waits = Budget(waits, "at most {each} live sockets and requests that wait, each principal")
        self.bytes = Budget(body_bytes, "at most {each} bytes of bodies at once, each principal")
