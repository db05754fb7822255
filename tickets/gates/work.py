"""The work of a check that runs in a worker: what it is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tickets.gates.registry import Reason


@dataclass(frozen=True)
class Submitted:
    """A newest artifact of the phase. `content` reads it, and raises Unreadable if it is too large."""

    type: str
    name: str
    hash: str
    size: int
    commit: str
    path: str
    content: Callable[[], bytes]

    @property
    def about(self) -> dict[str, Any]:
        names = ("type", "name", "hash", "size", "commit", "path")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Question:
    """What a run of a check is about. artifacts: the latest first. profiles: those the project may use."""

    run: int
    ticket: str
    title: str
    phase: str
    needs: dict[str, Any]
    artifacts: Sequence[Submitted]
    profiles: Sequence[str]
    tasks: dict[str, int] = field(default_factory=dict)  # of the phase, by state


@dataclass(frozen=True)
class Answer:
    """Without reasons it passes. result: what is kept of the run."""

    reasons: Sequence[Reason]
    result: dict[str, Any] = field(default_factory=dict)


Work = Callable[[Question], Answer]
