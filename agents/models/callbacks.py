"""What floors above do in the transaction of an act down here. They register in AppConfig.ready; the act
calls them by name.

A project that is paused takes its lanes along, and this floor knows no lanes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from agents.models.actor import Actor

Callback = Callable[..., None]
_callbacks: dict[str, list[Callback]] = defaultdict(list)


def on(act: str) -> Callable[[Callback], Callback]:
    """Register a function to be called with the row whenever `act` happens; registering it again changes
    nothing.
    """

    def register(callback: Callback) -> Callback:
        if callback not in _callbacks[act]:
            _callbacks[act].append(callback)
        return callback

    return register


def run(act: str, row: Any, *, by: Actor) -> None:
    """Let the floors above do their part of `act`, or refuse it."""
    for callback in _callbacks[act]:
        callback(row, by=by)
