"""The sweeps that keep who everything waits on, as it is stored for lists."""

from __future__ import annotations

from collections.abc import Callable

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models import Lane, Task, Ticket, WaitSweep
from tickets.runtime.walk import Walk

LANES = 500  # looked at in one run


class Follow:
    """After what has happened and what time has changed; then the next lanes, of which most have all.
    Returns 1 if more is left.
    """

    def __init__(self) -> None:
        self.lanes = Walk(Lane, LANES)

    def __call__(self) -> int:
        more = WaitSweep.objects.follow()
        WaitSweep.objects.look_at_lanes(*self.lanes())
        return int(more)


class Recheck:
    """Looks at what is open of the next so many tasks and tickets, whatever has happened to them. Returns 1
    until everything was looked at once since the journal was first followed, so that this goes fast.
    """

    def __init__(self, tasks: int = 10_000, tickets: int = 2_000) -> None:
        self.walks: list[tuple[Walk, Callable[[int, int], int]]] = [
            (Walk(Task, tasks), WaitSweep.objects.recheck_tasks),
            (Walk(Ticket, tickets), WaitSweep.objects.recheck_tickets),
        ]
        self.begun = [0, 0]  # how often each walk has begun since the last gap
        self.gaps = 0

    def __call__(self) -> int:
        filled, gaps = WaitSweep.objects.filled(), WaitSweep.objects.gaps()
        if filled or gaps != self.gaps:
            self.begun, self.gaps = [0, 0], gaps
        for place, (walk, recheck) in enumerate(self.walks):
            after, upto = walk()
            self.begun[place] += after == 0
            try:
                walk.at = recheck(after, upto)
            except Exception:
                self.begun[place] = 0  # these were left out
                raise
        if not filled and min(self.begun) > 1:
            WaitSweep.objects.fill(gaps)
        return int(not filled)


RECENTLY = """
SELECT
  filled,
  repaired,
  extract(epoch FROM clock_timestamp() - repaired_at)::float8 AS age
FROM tickets_waitsweep
WHERE NOT filled
  OR repaired_at > clock_timestamp() - interval '1 h'
"""


def warning() -> str:
    """Says that what is stored is not complete yet, or that something in it was wrong lately; empty if all is
    well.
    """
    row = sql.one(RECENTLY)
    if row is None:
        return ""
    if not row["filled"]:
        return "Who everything waits on is being found out, so lists by it are not complete yet."
    return (
        f"Who waits on whom was stored wrongly and has been repaired: {row['repaired']} in all, the last"
        f" {humanize.length(row['age'])} ago. The clock's log names them. Explanations are always right."
    )
