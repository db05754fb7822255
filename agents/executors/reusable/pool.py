"""The reusable processes of a worker: those that wait for their next job, by the key of their jobs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from agents.executors.command import not_started
from agents.executors.job import Job
from agents.executors.job_user import Unreachable
from agents.executors.reusable.call import Call
from agents.executors.reusable.process import ReusableProcess
from agents.executors.run import refusal, run

IDLE_S = 60.0  # then a process that has had nothing to do is ended
AVAILABLE = sys.platform == "linux"  # elsewhere nobody could see what a job leaves


class Pool:
    """Keeps at most as many idle processes as its worker has threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.idle: list[ReusableProcess] = []
        self.lock = threading.Lock()

    def carry_out(self, calls: Sequence[Call]) -> None:
        """Carry out jobs of one key, one after the other. Each ends or is given back."""
        if not AVAILABLE:
            for call in calls:
                call.end(run(call.job, call.stop))
            return
        if why := refusal(calls[0].job):
            for call in calls:
                call.end(why)
            return
        try:
            process = self._take(calls[0].job)
        except (Unreachable, OSError, ValueError) as error:
            for call in calls:
                call.end(not_started(call.job, error))
            return
        try:
            process.carry_out(calls)
        except BaseException:
            process.close()
            raise
        self._put(process)

    def tidy(self) -> None:
        """End those that have had nothing to do for long. Call it now and then."""
        now = time.monotonic()
        self._end([process for process in self.idle if now - process.used_at > IDLE_S])

    def close(self) -> None:
        self._end(self.idle[:])

    def _take(self, job: Job) -> ReusableProcess:
        while True:
            with self.lock:
                found = next((one for one in self.idle if one.key == job.process_key), None)
                if found:
                    self.idle.remove(found)
            if not found:
                return ReusableProcess(job)
            if found.usable:
                return found
            found.close()

    def _put(self, process: ReusableProcess) -> None:
        if not process.usable:
            process.close()
            return
        with self.lock:
            self.idle.append(process)
            over = self.idle[: -self.most]
        self._end(over)

    def _end(self, processes: Sequence[ReusableProcess]) -> None:
        for process in processes:
            with self.lock:
                if process not in self.idle:
                    continue  # it has just been taken
                self.idle.remove(process)
            process.close()
