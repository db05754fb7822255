"""How a bench ends by a signal: SIGTERM ends it as Ctrl-C does, through its `finally`s."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_S = 1.0
_delays = 0


def end_by_signal() -> None:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)


@contextmanager
def undisturbed() -> Iterator[None]:
    """For what cleans up: a signal that comes meanwhile ends the bench after it."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def delayed() -> Iterator[None]:
    """For what starts a process: a signal that comes meanwhile ends the bench a little later. It is not
    blocked, because the new process would inherit that.
    """
    global _delays
    _delays += 1
    try:
        yield
    finally:
        _delays -= 1


def _end(*_: Any) -> None:
    # At a fork, and wherever Python runs a callback, the exception is ignored: then it is raised again.
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    if not _delays:
        sys.exit(143)
