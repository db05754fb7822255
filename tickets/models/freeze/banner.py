"""The line above every page that says what is frozen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from omoi_site import field_limits, humanize
from tickets.models.explain.sentences import listed, shortened

FREEZES = "freezes"  # the topic that every page follows
KINDS_OF_FREEZES = ("project.frozen", "project.thawed")
MOST = 5  # names of projects in the line
LONGEST = 200  # characters of a reason in it


def banner(freezes: list[dict[str, Any]]) -> tuple[str, datetime | None]:
    """What is frozen, of the freezes that `freeze.shown` has, and since when; empty if nothing is."""
    if not freezes:
        return "", None
    first = freezes[0]
    names = [freeze["project"] for freeze in freezes if freeze["project"]]
    everything = first["project"] is None
    if everything:
        thawed = [key for key in first["thawed"] if key not in names]
        what = f"Everything except {listed(thawed[:MOST], len(thawed))}" if thawed else "Everything"
    else:
        what = listed(names[:MOST], len(names))
    alone = everything or len(names) == 1
    reason = shortened(field_limits.visible(first["reason"]), LONGEST)
    why = f" by {humanize.actor(first['by'])}: {reason.rstrip('.')}" if alone else ""
    stands = f"{what} {'is' if alone else 'are'} frozen{why}."
    where = "" if what == "Everything" else " there"
    line = f"{stands} No work is granted{where}, and nothing moves by itself."
    return line, min(freeze["since"] for freeze in freezes)
