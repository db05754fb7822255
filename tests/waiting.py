"""Waiting for what another process does: a condition with a deadline, never a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(true: Callable[[], Any], patience: float = 20, why: Callable[[], str] = str) -> Any:
    """Wait for a condition; its value when it holds."""
    deadline = time.monotonic() + patience
    while not (value := true()):
        assert time.monotonic() < deadline, f"still not so after {patience} s. {why()}"
        time.sleep(0.05)
    return value
