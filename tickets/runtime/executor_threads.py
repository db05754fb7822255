"""The threads of a worker. They touch no database: each carries out jobs whose start is recorded."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from agents import profiles
from agents.executors.job import Ending
from agents.executors.reusable.call import Call
from agents.executors.reusable.pool import Pool
from agents.executors.run import run
from tickets.runtime.claimed_job import ClaimedJob
from tickets.runtime.pace import Pace

log = logging.getLogger(__name__)


class ExecutorThreads:
    """Takes jobs in order. ended: called when one or more have an ending; of quick ones, when a thread has
    carried out all that it took.
    """

    def __init__(self, worker: str, threads: int, ended: Callable[[], None]) -> None:
        self.worker, self.threads, self.ended = worker, threads, ended
        self.pace = Pace(threads)
        self.pool = Pool(threads)
        self.queue: deque[ClaimedJob] = deque()
        self.busy = 0
        self.closing = False
        self.changed = threading.Condition()
        self.running = [
            threading.Thread(target=self._work, name=f"executor-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self.running:
            thread.start()

    @property
    def idle(self) -> int:
        """How many more jobs would begin at once."""
        with self.changed:
            return max(0, self.threads - self.busy - len(self.queue))

    def put(self, jobs: Sequence[ClaimedJob]) -> None:
        with self.changed:
            self.queue.extend(jobs)
            self.changed.notify(-(-len(jobs) // self.pace.at_a_time))

    def take_back(self, wanted: Callable[[ClaimedJob], bool] = lambda job: True) -> list[ClaimedJob]:
        """Those that no thread has taken yet."""
        with self.changed:
            taken = [job for job in self.queue if wanted(job)]
            self.queue = deque(job for job in self.queue if job not in taken)
        return taken

    def close(self) -> None:
        """When every job has ended."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        for thread in self.running:
            thread.join()
        self.pool.close()

    def _work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.queue or self.closing)
                if not self.queue:
                    return
                jobs = self._next()
                self.busy += 1
            try:
                self._carry_out(jobs)
            finally:
                with self.changed:
                    self.busy -= 1
                self.ended()

    def _next(self) -> list[ClaimedJob]:
        """The next job, and more for the same process while such jobs end quickly."""
        jobs = [self.queue.popleft()]
        at_a_time = self.pace.at_a_time
        while (
            (key := jobs[0].process_key)
            and len(jobs) < at_a_time
            and self.queue
            and self.queue[0].process_key == key
        ):
            jobs.append(self.queue.popleft())
        return jobs

    def _carry_out(self, jobs: Sequence[ClaimedJob]) -> None:
        """Always an ending, whatever happens; or back in the queue."""
        try:
            calls = [call for job in jobs if (call := self._call(job))]
            if calls and calls[0].job.process_key:
                self.pool.carry_out(calls)
            else:
                for call in calls:
                    call.end(run(call.job, call.stop))
        except Exception as error:
            log.exception("running %s broke", jobs[0].claim.key)
            broken = Ending.failed(f"the worker broke: {type(error).__name__}: {error}")
            for job in jobs:
                if job.ending is None and job not in self.queue:
                    job.ending = broken

    def _call(self, job: ClaimedJob) -> Call | None:
        """What an executor needs of it; None when it has an ending already."""
        if job.stop.reason:
            job.give_up(job.stop.reason)
            return None
        try:
            described = job.job(self.worker)
        except (profiles.UnknownProfile, ValueError) as error:
            job.ending = Ending.refused(str(error))
            return None
        return Call(
            described,
            job.stop,
            end=lambda ending: self._end(job, ending),
            give_back=lambda: self._take_again(job),
        )

    def _end(self, job: ClaimedJob, ending: Ending) -> None:
        together = self.pace.quick and not self.pace.lull
        job.ending = ending
        self.pace.note(float(ending.result.get("seconds", 0.0)))
        if not together:
            self.ended()

    def _take_again(self, job: ClaimedJob) -> None:
        with self.changed:
            self.queue.appendleft(job)
            self.changed.notify()
