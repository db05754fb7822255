"""The wall time that all checks of a gate together may take, while a judgement holds the ticket's lock.

A check that waits, for a storage far away or for the processor, uses no CPU time. So the budgets of the
readers do not end it.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

MOST_S = 15.0  # a session that is idle in a transaction for longer than 30 s is ended

Result = TypeVar("Result")
_end: contextvars.ContextVar[float | None] = contextvars.ContextVar("end", default=None)


class TimeUp(Exception):
    """The checks of the gate have used up their time."""


@contextmanager
def limited(seconds: float | None = None) -> Iterator[None]:
    """Inside, `left` and `within` know the time that is left of MOST_S."""
    token = _end.set(time.monotonic() + (MOST_S if seconds is None else seconds))
    try:
        yield
    finally:
        _end.reset(token)


def left() -> float | None:
    """The seconds that are left; None outside of `limited`. Raises TimeUp."""
    end = _end.get()
    if end is None:
        return None
    if (seconds := end - time.monotonic()) <= 0:
        raise TimeUp
    return seconds


def within(act: Callable[[], Result]) -> Result:
    """What `act` returns, or raises. It runs in a thread of its own, and must not use the database. Raises
    TimeUp when the time is over; the thread ends later, by its own budget.
    """
    seconds = left()
    if seconds is None:
        return act()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="check", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeUp
    return results[0]
