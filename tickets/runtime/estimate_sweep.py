"""The sweeps that estimate: tickets that have entered a phase, and those of tasks with a deadline."""

from __future__ import annotations

from tickets.models import StoredEstimate
from tickets.models.estimate.expected_late import START, look

BATCH = 50  # moves
TASKS = 200  # with a deadline
SPAN_S = 0.5  # after which a turn begins no estimate, so that other sweeps are not late
LATE = 200  # moves; one that commits after so many later ones gets no estimate


class EstimateSweep:
    """Follows the moves in the order of their ids. An id is taken before its commit, so each turn looks again
    at the last few for those that came late.
    """

    def __init__(self) -> None:
        self.at: int | None = None
        self.seen: set[int] = set()

    def __call__(self) -> int:
        if self.at is None:
            self.at = StoredEstimate.objects.last_move()
        after = max(0, self.at - LATE)
        moves = StoredEstimate.objects.follow(after, seen=self.seen, limit=BATCH, span_s=SPAN_S)
        self.at = max([self.at, *moves])
        self.seen = {move for move in (*self.seen, *moves) if move > self.at - LATE}
        return len(moves)


class DeadlineSweep:
    """Walks over the open tasks with a deadline to come, some in each turn, and stores which are expected
    late.
    """

    def __init__(self) -> None:
        self.place = START

    def __call__(self) -> None:
        self.place = look(self.place, limit=TASKS, span_s=SPAN_S)
