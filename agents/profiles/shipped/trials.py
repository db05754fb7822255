"""Callables for trials: they run in a process of their own and get the brief first."""

from __future__ import annotations

import time
from typing import Any


def pause(brief: dict[str, Any], seconds: float | str) -> dict[str, Any]:
    time.sleep(float(seconds))
    return {"paused_s": float(seconds)}
