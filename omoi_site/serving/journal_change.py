"""What is told about a change of the journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """What was added to the journal since a cursor: topics, the next cursor, the wake-ups for waiting
    clients, whether rights changed, and the number of the oldest transaction that was open. `topics` is None
    if they are not known.
    """

    topics: frozenset[str] | None
    cursor: str
    waking: frozenset[str] = frozenset()
    rights: bool = False
    oldest_open: int = 0

    @property
    def news(self) -> bool:
        return self.topics is None or bool(self.topics)
