"""Callables for trials. Each runs in its own process; its first argument is the brief."""

from __future__ import annotations

import time
from typing import Any


def pause(brief: dict[str, Any], seconds: float | str) -> dict[str, Any]:
    time.sleep(float(seconds))
    return {"paused_s": float(seconds)}
