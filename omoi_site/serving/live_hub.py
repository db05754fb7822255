"""Live updates inside one process: who follows which topic, and how a signal reaches them.

A frame has no content, only `{"topic": …, "cursor": …}`; the client then fetches what it may see. A follower
that does not read its frames slows nobody else down: it is skipped, and later told to fetch everything again,
or cut off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from omoi_site.serving.asgi_send import Send, cut_off, put
from omoi_site.serving.client_limits import Bounds, Budget
from omoi_site.serving.journal_change import Change
from omoi_site.serving.long_polls import LongPolls

RESYNC = "resync"  # in place of a topic: fetch everything again
PATIENCE_S = 10.0  # how long a follower may fail to read
ROUND = 200  # followers notified before the loop turns to ordinary requests


async def nothing() -> None: ...


class Follower:
    """One open socket: its principal, the topics it follows, and whether it reads what it is sent.

    `sign_out` closes it.
    """

    def __init__(
        self, send: Send, viewer: Any = None, sign_out: Callable[[], Awaitable[None]] = nothing
    ) -> None:
        self.send = send
        self.viewer = viewer
        self.sign_out = sign_out
        self.topics: frozenset[str] = frozenset()
        self.missed: set[str] | None = None  # rung while earlier changes are sent; None: send at once
        self.behind: asyncio.Task[None] | None = None

    def take(self, topics: list[str], frames: Frames) -> None:
        """Send one frame per topic.

        Only the last frame's cursor is past all of them, so a socket that breaks in between misses nothing.
        """
        if self.missed is not None:
            self.missed.update(topics)
        elif not self.behind:
            for number, topic in enumerate(topics, 1):
                if not self._put(frames.of(topic, last=number == len(topics))):
                    self.behind = asyncio.ensure_future(self._catch_up(frames.after))
                    return

    def _put(self, message: dict[str, str]) -> bool:
        try:
            return put(self.send, message)
        except Exception:  # it is closing; its consumer cleans up
            return True

    async def _catch_up(self, cursor: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.send(frame(RESYNC, cursor))
        except TimeoutError:
            cut_off(self.send)
        except Exception:  # it left
            return
        finally:
            self.behind = None


class Frames:
    """The messages of one round. Each is built once for all its followers."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        self.made: dict[tuple[str, bool], dict[str, str]] = {}

    def of(self, topic: str, *, last: bool) -> dict[str, str]:
        if (topic, last) not in self.made:
            self.made[topic, last] = frame(topic, self.after if last else self.before)
        return self.made[topic, last]


def frame(topic: str, cursor: str) -> dict[str, str]:
    return {
        "type": "websocket.send",
        "text": json.dumps({"topic": topic, "cursor": cursor}, separators=(",", ":")),
    }


class Hub:
    """The followers of this process by topic, and its long polls.

    The journal listener calls `ring`; a consumer calls `enter`, `join` and `leave`.
    """

    def __init__(self, waits: Budget | None = None) -> None:
        self.waits = waits or Bounds().waits  # open sockets and waiting requests, by principal
        self.long_polls = LongPolls()
        self.cursor = ""  # up to where changes were sent; empty before the first look
        self.followers: dict[str, set[Follower]] = {}
        self.signed_in: set[Follower] = set()  # also those that follow nothing

    def enter(self, follower: Follower) -> None:
        """Register the socket of a signed-in principal until it leaves."""
        self.signed_in.add(follower)

    def join(self, follower: Follower, topics: Iterable[str]) -> None:
        """Start to collect changes of these topics for the follower; `start_delivery` sends them."""
        follower.missed = set()
        self._follow(follower, frozenset(topics))

    def start_delivery(self, follower: Follower, topics: Iterable[str], change: Change) -> None:
        """Complete `join` for the topics that it may follow: send what changed before and meanwhile."""
        missed, follower.missed = follower.missed or set(), None
        self._follow(follower, frozenset(topics))
        if change.topics is None or RESYNC in missed:
            follower.take([RESYNC], Frames(change.cursor, change.cursor))
        elif news := sorted((change.topics | missed) & follower.topics):
            follower.take(news, Frames(change.cursor, change.cursor))

    def forbid(self, follower: Follower, topics: Iterable[str]) -> None:
        """Stop the follower's access to these topics. Its page looks again, with the rights that it has now,
        so that it says so.
        """
        self._follow(follower, follower.topics - frozenset(topics))
        follower.take([RESYNC], Frames(self.cursor, self.cursor))

    def leave(self, follower: Follower) -> None:
        self.signed_in.discard(follower)
        self._follow(follower, frozenset())
        if follower.behind:
            follower.behind.cancel()

    async def ring(self, change: Change) -> None:
        """Notify the followers of these topics.

        One look at the journal is one round, with at most one frame for each topic and follower.
        """
        self.long_polls.ring(None if change.topics is None else change.waking)
        frames, self.cursor = Frames(self.cursor, change.cursor), change.cursor
        for number, (follower, topics) in enumerate(self._concerned(change.topics).items(), 1):
            if (
                still := topics
                if topics == [RESYNC]
                else [topic for topic in topics if topic in follower.topics]
            ):
                follower.take(still, frames)
            if number % ROUND == 0:
                await asyncio.sleep(0)

    def drain(self) -> None:
        """The process is stopping: end all long polls, and cut off followers that do not read."""
        self.long_polls.close()
        for follower in self._concerned(None):
            if follower.behind:
                cut_off(follower.send)

    def _concerned(self, topics: frozenset[str] | None) -> dict[Follower, list[str]]:
        if topics is None:
            return {follower: [RESYNC] for followers in self.followers.values() for follower in followers}
        concerned: dict[Follower, list[str]] = {}
        for topic in sorted(topics):
            for follower in self.followers.get(topic, ()):
                concerned.setdefault(follower, []).append(topic)
        return concerned

    def _follow(self, follower: Follower, topics: frozenset[str]) -> None:
        for topic in follower.topics - topics:
            followers = self.followers[topic]
            followers.discard(follower)
            if not followers:
                del self.followers[topic]
        for topic in topics - follower.topics:
            self.followers.setdefault(topic, set()).add(follower)
        follower.topics = topics
