"""Who is at work on what, now: `at_work`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omoi_site.database import sql
from tickets.models.explain.sql_fragments import LEASE_OVER

MOST = 500  # claims of a project that are looked at
AT_WORK = sql.statement(__file__, "at_work", lease_over=LEASE_OVER)


@dataclass(frozen=True)
class Work:
    """A claim. renewed_at: when its lease was last renewed; None if a person holds it, who has none.
    active_at: its last sign of progress. stalled_at: since when that is too long ago.
    """

    task: int
    ticket: str
    title: str
    holder: str
    by_hand: bool
    claimed_at: datetime
    renewed_at: datetime | None
    lease_expires_at: datetime | None
    lease_over: bool
    active_at: datetime | None
    stalled_at: datetime | None
    progress: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.ticket}.{self.task}"


@dataclass(frozen=True)
class AtWork:
    """`number`: of the claims that were looked at, of each project MOST at most. `cut`: there may be more.
    `first`: those of them that need a look first.
    """

    number: int
    cut: bool
    first: Sequence[Work]

    @property
    def more(self) -> int:
        return self.number - len(self.first)

    @property
    def number_shown(self) -> str:
        """With a plus if there may be more."""
        return f"{self.number}{'+' if self.cut else ''}"


def at_work(projects: Sequence[int], *, shown: int) -> AtWork:
    """The claims of these projects, which the reader sees."""
    rows = sql.rows(AT_WORK, {"projects": list(projects), "most": MOST, "shown": shown})
    if not rows:
        return AtWork(0, cut=False, first=[])
    number, cut = rows[0]["number"], rows[0]["cut"]
    return AtWork(number, cut, [_work(row) for row in rows])


def _work(row: dict[str, Any]) -> Work:
    of_it = {name: value for name, value in row.items() if name not in ("id", "number", "cut")}
    return Work(task=row["id"], **of_it)
