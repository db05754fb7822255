"""What the newest done tickets of a workflow say of the next: times in each phase, and how estimates held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from omoi_site.database import sql
from tickets.models.estimate.quantile import HALF, LIKELY, left_of, quantile
from tickets.models.estimate.samples import Spell
from tickets.workflows.document import CANCELLED, Plan

NEWEST = 50  # tickets
MOVES = 200  # of one ticket
VERSIONS = 20  # of the workflow
CALIBRATING = 20  # past estimates, from which on they say how far to trust the next
LEAST_S = 60.0  # added to both times of a ratio, so that short ones do not decide
ENDED = sql.statement(__file__, "ended_tickets")


class EndedTickets:
    """count: how many there are. errors: of their estimates, the time that it took as a multiple of the time
    that was expected, in order.
    """

    def __init__(self, project: int, plan: Plan) -> None:
        params = {"project": project, "workflow": plan.name, "most": NEWEST}
        rows = sql.rows(ENDED, {**params, "moves": MOVES, "versions": VERSIONS})
        self.count = len(rows)
        self.stays: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            self._add(row, plan)
        for times in self.stays.values():
            times.sort()
        self.errors = sorted(
            (took + LEAST_S) / (max(0.0, expected) + LEAST_S)
            for row in rows
            for expected, took in row["estimates"]
        )

    def _add(self, row: dict[str, Any], plan: Plan) -> None:
        """A stay lasts from the first entry into a phase until that into a later one. So it has all that
        happens meanwhile: blocks, people who are waited for, and ways back. What was before the ticket was
        cancelled does not count.
        """
        furthest, since, cancelled = -1, 0.0, False
        for phase, at in zip(row["phases"], row["since"], strict=True):
            if phase in plan and (place := plan[phase].position) > furthest:
                if furthest >= 0:
                    self.stays[plan.phases[furthest].name].append(max(0.0, at - since))
                furthest, since = place, at
            elif cancelled:
                since = at
            cancelled = phase == CANCELLED

    def visited(self, phase: str) -> bool:
        """Whether at least half of the tickets came through this phase."""
        return 2 * len(self.stays[phase]) >= max(1, self.count)

    def stay(self, phase: str, elapsed: float = 0.0) -> Spell | None:
        """What is left of a stay in this phase after `elapsed` seconds. None: no ticket was in it."""
        times: Sequence[float] = self.stays[phase]
        if not times:
            return None
        expected, likely = (left_of(times, elapsed, share) for share in (HALF, LIKELY))
        return Spell(expected, likely, "stay", len(times), longer=elapsed > 0 and elapsed >= times[-1])

    def likely(self, expected_s: float) -> float | None:
        """Within how many seconds 80 of 100 such estimates ended. None: there are too few."""
        if len(self.errors) < CALIBRATING:
            return None
        return max(expected_s, (expected_s + LEAST_S) * quantile(self.errors, LIKELY) - LEAST_S)
