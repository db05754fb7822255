"""Cursors of the journal: opaque to whoever keeps one, url-safe, and refused when they are none of ours.

A follower's cursor is a snapshot: what it had not seen is new, whatever the order of commits. When a look was
cut short at its limit it says besides up to which snapshot the look went and which event was the last. A
place in history is the last event's xid and id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omoi_site.errors import Malformed

N = r"\d{1,19}"
SNAPSHOT = rf"({N}\.{N}\.(?:{N}(?:-{N})*)?)"
FOLLOWING = re.compile(rf"\A{SNAPSHOT}(?:_{SNAPSHOT}_({N})_({N}))?\Z", re.ASCII)
PLACE = re.compile(rf"\A({N})_({N})\Z", re.ASCII)
LONGEST = 20_000  # a snapshot names every transaction that was open


@dataclass(frozen=True)
class Following:
    """What a follower has seen: all of snapshot `seen`; with `upto`, of what came between the two also all to
    `xid`, `id`.
    """

    seen: str
    upto: str = ""
    xid: int = 0
    id: int = 0

    def __str__(self) -> str:
        return (
            f"{to_cursor(self.seen)}_{to_cursor(self.upto)}_{self.xid}_{self.id}"
            if self.upto
            else to_cursor(self.seen)
        )


def to_cursor(snapshot: str) -> str:
    """A pg_snapshot's text as a cursor."""
    return snapshot.replace(":", ".").replace(",", "-")


def to_snapshot(cursor: str) -> str:
    return cursor.replace(".", ":").replace("-", ",")


def following(cursor: str) -> Following:
    """Read a follower's cursor; raises Malformed."""
    matched = FOLLOWING.match(cursor) if len(cursor) <= LONGEST else None
    if not matched or not all(_plausible(snapshot) for snapshot in matched.group(1, 2) if snapshot):
        raise Malformed("this cursor is not one of ours", next_action="Start without a cursor.")
    seen, upto, xid, last = matched.groups()
    return Following(to_snapshot(seen), to_snapshot(upto or ""), int(xid or 0), int(last or 0))


def place(cursor: str) -> tuple[int, int]:
    """Read a place in history; raises Malformed."""
    matched = PLACE.match(cursor) if len(cursor) <= LONGEST else None
    if not matched or any(int(number) >= 2**63 for number in matched.groups()):
        raise Malformed("this cursor is not one of ours", next_action="Start without a cursor.")
    return int(matched[1]), int(matched[2])


def _plausible(snapshot: str) -> bool:
    """What PostgreSQL takes for a snapshot: 0 < xmin <= xmax, and between them, rising, the transactions that
    were open.
    """
    xmin, xmax, open_ones = snapshot.split(".")
    numbers = [int(xmin), *(int(xid) for xid in open_ones.split("-") if xid), int(xmax)]
    inside = numbers[1:-1]
    return (
        0 < numbers[0] <= numbers[-1] < 2**63
        and all(numbers[0] <= xid < numbers[-1] for xid in inside)
        and sorted(set(inside)) == inside
    )
