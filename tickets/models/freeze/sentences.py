"""What came of a freeze, in sentences, as the command and the page tell it."""

from __future__ import annotations

from datetime import datetime

from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models.freeze.freeze import Frozen


def frozen_already(key: str, *, since: datetime, now: datetime, by: str, reason: str) -> str:
    ago = humanize.relative(since, now)
    return f"{named(key)} was frozen already, {ago} by {humanize.actor(by)}. The first reason stays: {reason}"


def outcome(key: str, frozen: Frozen, *, again: str) -> list[str]:
    """again: how to wait once more for what began before."""
    inside = f" in {key}" if key else ""
    if frozen.in_force:
        lines = [f"{named(key)} is frozen. Nothing is granted{inside} any more."]
    else:
        open_yet = counted(frozen.still_open, "transaction")
        lines = [f"{named(key)} is frozen. But {open_yet} began before and may still be committed. {again}"]
    if frozen.stopped:
        lines.append(f"{counted(frozen.stopped, 'claim')} taken back.")
    return lines


def named(key: str) -> str:
    return f"Project {key}" if key else "Everything"
