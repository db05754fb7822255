"""Keys that this process has seen to be valid, with their agents.

A read may trust one for a few seconds. A write may not: its own statement asks whether the key holds
(`agents.models.key_sql`), and needs from here only whose key it is, which never changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from agents.models.agent import Agent
from agents.models.key import Key

TRUSTED_S = 5.0
MOST = 10_000


@dataclass(slots=True)
class KnownKey:
    """A key that was valid at `seen` on the monotonic clock. `agent` came with it, as a caller does."""

    key: int
    agent: Agent
    seen: float


class KeyCache:
    """By the text of the key. Keys of persons are not kept: their rights depend on roles."""

    def __init__(self) -> None:
        self.known: dict[str, KnownKey] = {}

    def find(self, text: str, *, to_read: bool) -> KnownKey | None:
        """The agent's key with this text, or None."""
        kept, now = self.known, time.monotonic()
        known = kept.get(text)
        if known and (not to_read or now - known.seen < TRUSTED_S):
            return known
        key = Key.objects.bearing(text)
        if key is None or key.agent is None:
            kept.pop(text, None)
            return None
        if len(kept) >= MOST:
            kept.clear()
        known = kept[text] = KnownKey(key.pk, key.as_caller(), now)
        return known

    def forget(self) -> None:
        """Rights have changed: look at each key again. What another thread is reading now is not kept."""
        self.known = {}


keys = KeyCache()
