"""Cursors of the journal: opaque for clients, url-safe, and refused if malformed.

A follower's cursor is a snapshot: what it did not see is new, whatever the order of commits. If a look was
cut short at its limit, the cursor also has the snapshot of that look and its last event. A position in the
history is the xid and id of the last event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omoi_site.errors import Malformed

N = r"\d{1,19}"
SNAPSHOT = rf"({N}\.{N}\.(?:{N}(?:-{N})*)?)"
FOLLOWING = re.compile(rf"\A{SNAPSHOT}(?:_{SNAPSHOT}_({N})_({N}))?\Z", re.ASCII)
PLACE = re.compile(rf"\A({N})_({N})\Z", re.ASCII)
LONGEST = 20_000  # a snapshot lists every open transaction


@dataclass(frozen=True)
class Following:
    """What a follower has seen: everything in snapshot `seen`. With `upto`, also what came between the two
    snapshots, up to `xid`, `id`.
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
    """The cursor for the text of a pg_snapshot."""
    return snapshot.replace(":", ".").replace(",", "-")


def to_snapshot(cursor: str) -> str:
    return cursor.replace(".", ":").replace("-", ",")


def following(cursor: str) -> Following:
    """Parse a follower's cursor; raises Malformed."""
    matched = FOLLOWING.match(cursor) if len(cursor) <= LONGEST else None
    if not matched or not all(_plausible(snapshot) for snapshot in matched.group(1, 2) if snapshot):
        raise Malformed("this cursor is not valid", next_action="Start without a cursor.")
    seen, upto, xid, last = matched.groups()
    return Following(to_snapshot(seen), to_snapshot(upto or ""), int(xid or 0), int(last or 0))


def place(cursor: str) -> tuple[int, int]:
    """Parse a position in the history; raises Malformed."""
    matched = PLACE.match(cursor) if len(cursor) <= LONGEST else None
    if not matched or any(int(number) >= 2**63 for number in matched.groups()):
        raise Malformed("this cursor is not valid", next_action="Start without a cursor.")
    return int(matched[1]), int(matched[2])


def _plausible(snapshot: str) -> bool:
    """Whether PostgreSQL would accept it as a snapshot: 0 < xmin <= xmax, and between them the open
    transactions in rising order.
    """
    xmin, xmax, open_ones = snapshot.split(".")
    numbers = [int(xmin), *(int(xid) for xid in open_ones.split("-") if xid), int(xmax)]
    inside = numbers[1:-1]
    return (
        0 < numbers[0] <= numbers[-1] < 2**63
        and all(numbers[0] <= xid < numbers[-1] for xid in inside)
        and sorted(set(inside)) == inside
    )
