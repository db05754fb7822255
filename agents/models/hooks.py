"""What floors above do in the transaction of an act down here. They register in AppConfig.ready; the act calls them by name.

A project that is paused takes its lanes along, and this floor knows no lanes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from agents.models.actor import Actor

Follow = Callable[..., None]
_follows: dict[str, list[Follow]] = defaultdict(list)


def follows(act: str) -> Callable[[Follow], Follow]:
    """Register a function to be called with the row whenever `act` happens; registering it again changes nothing."""

    def register(follow: Follow) -> Follow:
        if follow not in _follows[act]:
            _follows[act].append(follow)
        return follow

    return register


def carry(act: str, row: Any, *, by: Actor) -> None:
    """Let the floors above do their part of `act`, or refuse it."""
    for follow in _follows[act]:
        follow(row, by=by)
