"""A worker: an agent that claims tasks with a profile and carries them out, several at the same time.

One loop in one thread, with one database connection, claims for all its threads, records the start of each
task, renews what they hold and settles what they have ended. The threads touch no database; each waits for a
process of its own. A loop that cannot reach the database goes on trying, and a job that outlives its lease
meanwhile stops itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import Error, close_old_connections, connection

from agents import profiles
from agents.executors import spawn
from agents.executors.job import Ending
from agents.executors.job_folder import clear_leftovers
from agents.executors.level import level
from agents.executors.run import run
from agents.models import Agent, AgentPresence
from omoi_site.brokers import hints
from tickets.models import AgentUnavailable, CapacityFull, ClaimLost, Task
from tickets.runtime import worker_name
from tickets.runtime.claimed_job import ClaimedJob
from tickets.runtime.settlement import settle
from tickets.runtime.wake_event import WakeEvent

log = logging.getLogger(__name__)
_worker: Worker | None = None  # of this process


def look_for_tasks() -> None:
    """A hint came: the worker of this process, if it has one, looks for tasks at once."""
    if _worker is not None:
        _worker.hinted.set()
        _worker.wake.set()


class Worker:
    """Claims for `threads` executors under the agent `name`, until it is asked to stop."""

    def __init__(self, name: str, threads: int, capabilities: Sequence[str] = ()) -> None:
        self.name, self.threads, self.capabilities = name, threads, capabilities
        self.jobs: list[ClaimedJob] = []
        self.renewal_due = 0.0
        self.wake = WakeEvent()
        self.hinted = threading.Event()
        self.stop_requests = 0
        self.settled_count = 0

    def register(self) -> None:
        """Become an agent; what a dead process of this name held is ready again. Raises Invalid when name or
        threads cannot be.
        """
        global _worker
        self.agent = Agent.objects.worker(self.name, capacity=self.threads, capabilities=self.capabilities)
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="executor")
        clear_leftovers()
        spawn.adopt_strays()
        if count := Task.objects.abandon(by=self.agent, fate=self._predecessor_exit()):
            log.info("%d claims of the process that had this name before have ended", count)
        self.agent.seen(metrics={"pid": os.getpid(), "isolation": level().name, "open": level().open})
        if why := level().why:
            log.warning("jobs run without a sandbox: %s. They can %s", why, "; ".join(level().open))
        _worker = self

    def _predecessor_exit(self) -> str:
        """How the process that had this name before ended, if the supervisor saw it (`PID, then words`)."""
        pid, _, exit_text = os.environ.get("OMOI_PREDECESSOR", "").partition(" ")
        presence = AgentPresence.objects.filter(agent=self.agent).first()
        return exit_text if presence and pid and pid == str(presence.metrics.get("pid")) else ""

    def stop(self) -> None:
        """No new claims; running jobs get their grace, at the second call none. Safe in a signal handler."""
        self.stop_requests += 1
        self.wake.set()

    def run(self) -> None:
        """Work until asked to stop and every job is settled or given back."""
        grace_over = float("inf")
        while not self.stop_requests or self.jobs:
            if self.stop_requests and grace_over == float("inf"):
                grace_over = time.monotonic() + settings.WORKER_GRACE_S
            if self.stop_requests and (time.monotonic() > grace_over or self.stop_requests > 1):
                self._stop_all("the worker ends")
            pause = self._cycle()
            if not self.stop_requests or self.jobs:
                self.wake.wait(min(pause, max(0.1, grace_over - time.monotonic())))
        self.pool.shutdown()
        connection.close()

    def _cycle(self) -> float:
        """Settle, renew, claim, start; returns for how long nothing needs to be done."""
        close_old_connections()
        try:
            for job, how in settle([job for job in self.jobs if job.ending], self.agent):
                self._drop(job, how)
            self._renew()
            self._claim()
            self._start()
        except Error as error:
            log.warning("the database does not answer, trying again: %s", str(error).strip())
            connection.close()
            self.renewal_due = 0.0
            self._drop_expired()
            return 1.0
        return max(0.0, min(settings.WORKER_POLL_S, self.renewal_due - time.monotonic()))

    # -- claiming and running

    def _claim(self) -> None:
        free = self.threads - len(self.jobs)
        if self.stop_requests or free <= 0:
            return
        hinted = self.hinted.is_set()
        self.hinted.clear()
        requested_at = time.monotonic()
        try:
            claims = Task.objects.claim(by=self.agent, limit=free, lease_s=settings.WORKER_LEASE_S)
        except (AgentUnavailable, CapacityFull) as refusal:
            log.debug("%s claims nothing: %s", self.name, refusal)
            return
        for claim in claims:
            job = ClaimedJob(claim, requested_at)
            job.stop.until = requested_at + settings.WORKER_LEASE_S
            self.jobs.append(job)
        if hinted and len(claims) == free:
            hints.send("work")  # there may be more, for another worker

    def _start(self) -> None:
        """Start what waits, each only when that is recorded: should this process die, what ran is known from
        what only waited.
        """
        for job in [job for job in self.jobs if job.waiting]:
            if self.stop_requests:
                self._give_up(job, "the worker ends")
                continue
            try:
                Task.objects.start(job.claim.task, job.claim.fence, by=self.agent)
            except ClaimLost as lost:
                self._give_up(job, lost.message)
                continue
            job.started = True
            self.pool.submit(self._run, job)

    def _run(self, job: ClaimedJob) -> None:
        """In a thread of the pool: always an ending, whatever happens."""
        try:
            job.ending = run(job.job(self.name), job.stop)
        except (profiles.UnknownProfile, ValueError) as error:
            job.ending = Ending.refused(str(error))
        except Exception as error:
            log.exception("running %s broke", job.claim.key)
            job.ending = Ending.failed(f"the worker broke: {type(error).__name__}: {error}")
        self.wake.set()

    def _give_up(self, job: ClaimedJob, why: str) -> None:
        job.give_up(why)
        self.wake.set()

    # -- keeping and dropping

    def _renew(self) -> None:
        """Renew the leases; a job whose claim is lost stops at once."""
        if (began := time.monotonic()) < self.renewal_due:
            return
        self.renewal_due = began + settings.WORKER_BEAT_S
        if not worker_name.take(self.name):
            log.error("another process works as %s now: this one ends", self.name)
            self.stop()
        self.agent.seen()
        # one that was stopped is left out: its task may be ours again
        jobs = {job.claim.task: job for job in self.jobs if not job.stop.reason}
        kept, lost = Task.objects.renew(
            [(job.claim.task, job.claim.fence) for job in jobs.values()], by=self.agent
        )
        for claim in kept:
            jobs[claim["task"]].stop.until = began + settings.WORKER_LEASE_S
        for claim in lost:
            jobs[claim["task"]].stop.request(f"the claim was lost: the task is {claim['state']}")

    def _drop(self, job: ClaimedJob, how: str) -> None:
        assert job.ending
        log.info("%s %s: %s", job.claim.key, how, "done" if job.ending.ok else job.ending.error)
        self.settled_count += how == "settled"
        self.jobs.remove(job)
        job.close()

    def _stop_all(self, reason: str) -> None:
        for job in self.jobs:
            if job.waiting:
                self._give_up(job, reason)
            elif job.running:
                job.stop.request(reason)

    def _drop_expired(self) -> None:
        """Asked to stop while the database is away: do not wait for what has ended and outlived its lease."""
        if not self.stop_requests:
            return
        now = time.monotonic()
        for job in [job for job in self.jobs if job.ending is not None]:
            if self.stop_requests > 1 or now > job.stop.until:
                self._drop(job, "not settled")
