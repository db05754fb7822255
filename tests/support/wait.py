"""Waiting for what another process does: a condition with a deadline, never a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], seconds: float = 30, why: Callable[[], str] = str) -> Any:
    """What `condition` says as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still not so after {seconds} s. {why()}"
        time.sleep(0.02)
    return found
