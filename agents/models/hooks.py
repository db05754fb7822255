"""What floors above do in the transaction of an act down here. They register in AppConfig.ready; the act
calls them by name.

A project that is paused takes its lanes along, and this floor knows no lanes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from agents.models.actor import Actor

Hook = Callable[..., None]
_hooks: dict[str, list[Hook]] = defaultdict(list)


def on(act: str) -> Callable[[Hook], Hook]:
    """Register a function to be called with the row whenever `act` happens; registering it again changes
    nothing.
    """

    def register(hook: Hook) -> Hook:
        if hook not in _hooks[act]:
            _hooks[act].append(hook)
        return hook

    return register


def run(act: str, row: Any, *, by: Actor) -> None:
    """Let the floors above do their part of `act`, or refuse it."""
    for hook in _hooks[act]:
        hook(row, by=by)
