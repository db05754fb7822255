"""What the jobs of a worker print, sent while they run, for whoever looks at the page of the task."""

from __future__ import annotations

import time
from collections.abc import Iterable

from agents.models import Agent
from tickets.models.output.task_output import NewOutput, TaskOutput
from tickets.runtime.claimed_job import ClaimedJob

EVERY_S = 1.0
QUICK_S = 1.0  # a job that completes before has its output in its result only


class LiveOutput:
    """Sends at most every EVERY_S, and once more what a job printed last, before its claim is settled."""

    def __init__(self) -> None:
        self.due = 0.0
        self.sent: set[ClaimedJob] = set()  # of which something was sent
        self.unsent: list[NewOutput] = []  # what could not be stored yet

    def send(self, jobs: Iterable[ClaimedJob], agent: Agent) -> None:
        """Of running jobs when it is time, and the rest of those that have ended and are not settled yet."""
        now = time.monotonic()
        every = now >= self.due
        if every:
            self.due = now + EVERY_S
        if not self.unsent:
            for job in jobs:
                if self._is_to_be_sent(job, now, every):
                    self.sent.add(job)
                    pieces = job.activity.printed.fetch(ended=bool(job.ending))
                    self.unsent += [NewOutput(job.claim.task, job.claim.fence, *piece) for piece in pieces]
        if self.unsent:
            TaskOutput.objects.add(self.unsent, by=agent)
            self.unsent = []

    def pause(self, jobs: Iterable[ClaimedJob]) -> float:
        """For how long there is nothing to send."""
        return max(0.0, self.due - time.monotonic()) if any(job.running for job in jobs) else float("inf")

    def forget(self, jobs: Iterable[ClaimedJob]) -> None:
        self.sent.difference_update(jobs)

    def _is_to_be_sent(self, job: ClaimedJob, now: float, every: bool) -> bool:
        if job.started_at is None or not job.activity.printed.any or job.stop.reason:
            return False
        if job.ending:
            return job in self.sent or not job.ending.ok
        return every and now - job.started_at >= QUICK_S
