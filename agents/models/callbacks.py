"""Hooks: what an upper app does in the transaction of an act of this app, or says before it. Functions
register in AppConfig.ready, under the name of the act.

Example: pausing a project also pauses its lanes, which this app does not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from agents.models.actor import Actor

Callback = Callable[..., Any]
_callbacks: dict[str, list[Callback]] = defaultdict(list)


def on(act: str) -> Callable[[Callback], Callback]:
    """Register a function that is called with the row whenever `act` happens. Registering it twice has no
    effect.
    """

    def register(callback: Callback) -> Callback:
        if callback not in _callbacks[act]:
            _callbacks[act].append(callback)
        return callback

    return register


def ask(act: str, row: Any, *, by: Actor) -> str:
    """What the functions registered for `act` say of it, before it is done."""
    return " ".join(filter(None, (callback(row, by=by) for callback in _callbacks[act])))


def run(act: str, row: Any, *, by: Actor) -> None:
    """Call the functions registered for `act`; they may refuse it by raising."""
    for callback in _callbacks[act]:
        callback(row, by=by)
