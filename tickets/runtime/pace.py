"""How fast a worker's jobs end, and so how many tasks it may hold ahead."""

from __future__ import annotations

import time
from collections import deque

AHEAD_S = 0.1  # what its threads can do in this time is claimed ahead
LULL_S = 0.25  # when no job has ended for so long, nothing is
MOST_PER_THREAD = 16
QUICK_S = 0.02  # jobs that take less are quick
AT_A_TIME_S = 0.01  # what a process does in this time is sent to it at once
MOST_AT_A_TIME = 16
REMEMBERED = 32


class Pace:
    """Of the last jobs that ended."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.seconds: deque[float] = deque(maxlen=REMEMBERED)
        self.ended_at = -LULL_S

    def note(self, seconds: float) -> None:
        """A job has ended after so long."""
        self.seconds.append(seconds)
        self.ended_at = time.monotonic()

    @property
    def quick(self) -> bool:
        return bool(self.seconds) and self._mean() < QUICK_S

    @property
    def lull(self) -> bool:
        """Whether no job has ended for a while."""
        return time.monotonic() - self.ended_at > LULL_S

    @property
    def at_a_time(self) -> int:
        """How many jobs a thread may send to one reusable process."""
        return min(MOST_AT_A_TIME, 1 + int(AT_A_TIME_S / max(self._mean(), 1e-4))) if self.quick else 1

    @property
    def ahead(self) -> int:
        """How many tasks to hold beyond one for each thread."""
        if self.lull:
            return 0
        return min(self.threads * MOST_PER_THREAD, round(self.threads * AHEAD_S / max(self._mean(), 1e-4)))

    def _mean(self) -> float:
        seconds = self.seconds.copy()
        return sum(seconds) / len(seconds)
