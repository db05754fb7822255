"""The sweep that makes automatic moves whose hint was lost. It also finds out whether they lag behind."""

from __future__ import annotations

from datetime import datetime

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models import SweepRun, Ticket
from tickets.models.explain.sql_fragments import MOVES_LATE
from tickets.models.ticket.automation import COUNTED, MOST
from tickets.runtime.walk import Walk

LATE = f"SELECT late.* FROM {MOVES_LATE}"


class AdvanceSweep:
    """Makes a batch of the due moves of the next `size` tickets. If there may be more, those tickets come
    again. After each round over all tickets it stores how many were due, and since when.
    """

    def __init__(self, size: int) -> None:
        self.walk = Walk(Ticket, size)
        self.again: tuple[int, int] | None = None
        self.due, self.since = 0, set[datetime]()

    def __call__(self) -> int:
        after, upto = self.again or self.walk()
        advanced = Ticket.objects.advance_between(after, upto)
        if not self.again:
            if after == 0:
                SweepRun.note_waiting("advance_tickets", self.due, min(self.since, default=None))
                self.due, self.since = 0, set()
            self.due += advanced.due
            self.since |= {advanced.since} if advanced.since else set()
        self.again = (after, upto) if advanced.moved >= MOST else None
        return advanced.moved


def warning() -> str:
    """Says that automatic moves lag behind; empty if they do not."""
    late = sql.one(LATE)
    if late is None:
        return ""
    number = f"{COUNTED} or more" if late["waiting"] >= COUNTED else late["waiting"]
    return (
        f"{number} tickets wait for their automatic move, the oldest for {humanize.length(late['age'])}."
        " Workers and the clock make these moves: their logs say what keeps them, and more workers help."
    )
