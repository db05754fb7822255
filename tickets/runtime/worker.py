"""A worker: an agent that claims tasks with a profile and carries them out, several at the same time.

One loop in one thread, with one database connection, settles what has ended and claims what comes next in one
transaction, records the start of tasks, and renews what the worker holds. The executor threads carry the
jobs out. While jobs end quickly, the loop claims a little ahead of them. A loop that cannot reach the
database goes on trying, and a job that outlives its lease meanwhile stops itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import Error, close_old_connections, connection

from agents.executors import spawn
from agents.executors.job_folder import clear_leftovers
from agents.executors.level import level
from agents.models import Agent, AgentPresence
from omoi_site.brokers import hints
from tickets.models import AgentUnavailable, CapacityFull, Claim, Task
from tickets.runtime import settlement, worker_name
from tickets.runtime.check_runner import CheckRunner
from tickets.runtime.claimed_job import ClaimedJob
from tickets.runtime.executor_threads import ExecutorThreads
from tickets.runtime.live_output import LiveOutput
from tickets.runtime.wake_event import WakeEvent

log = logging.getLogger(__name__)
LOOK_S = 0.01  # how often to look at quick jobs, which do not wake the worker one by one
WAITS_S = 2.0  # what was claimed ahead and has not begun by then is given back
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
        self.settling: list[
            ClaimedJob
        ] = []  # after a lost connection, the same again with the same `following`
        self.following = settlement.Next(0)
        self.renewal_due = 0.0
        self.more = True  # there may be tasks to claim: a hint came, or the last claim was full
        self.look_due = 0.0  # then it looks without a hint as well
        self.wake = WakeEvent()
        self.hinted = threading.Event()
        self.live_output = LiveOutput()
        self.checks: CheckRunner | None = None  # beside it, under the same name
        self.stop_requests = 0
        self.settled_count = 0

    def register(self) -> None:
        """Become an agent; what a dead process of this name held is ready again. Raises Invalid when name or
        threads cannot be.
        """
        global _worker
        self.agent = Agent.objects.worker(self.name, capacity=self.threads, capabilities=self.capabilities)
        clear_leftovers()
        spawn.adopt_strays()
        self.executors = ExecutorThreads(self.name, self.threads, ended=self.wake.set)
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
        self.executors.close()
        connection.close()

    def _cycle(self) -> float:
        """Start, renew, settle, claim; returns for how long nothing needs to be done."""
        close_old_connections()
        try:
            self._give_back_late()
            self._start()
            self._renew()
            self.live_output.send(self.jobs, self.agent)
            self._settle_and_claim()
            self._start()
        except Error as error:
            log.warning("the database does not answer, trying again: %s", str(error).strip())
            connection.close()
            self.renewal_due = 0.0
            self._drop_expired()
            return 1.0
        self.executors.pool.tidy()
        pace = self.executors.pace
        look_s = LOOK_S if self.jobs and pace.quick and not pace.lull else settings.WORKER_POLL_S
        pause = min(look_s, self.live_output.pause(self.jobs))
        return max(0.0, min(pause, self.renewal_due - time.monotonic()))

    # -- settling and claiming

    def _settle_and_claim(self) -> None:
        """What has ended, and what comes next, in one transaction where there is both."""
        requested_at = time.monotonic()
        hinted = self.hinted.is_set()
        self.hinted.clear()
        self.more |= hinted or requested_at >= self.look_due
        if not self.settling:
            self.settling = [job for job in self.jobs if job.ending]
            self.following = self._next()
        following, claims = self.following, list[Claim]()
        if self.settling:
            settled = settlement.settle(self.settling, self.agent, following)
            claims = settled.claims
            self._drop(settled.jobs)
            self.settling = []
            looked = bool(following.limit) and any(how != "given back" for _, how in settled.jobs)
        elif looked := bool(following.limit) and self.more:
            claims = self._claim(following)
        if looked:
            self.more = len(claims) == following.limit
            self.look_due = requested_at + settings.WORKER_POLL_S
        self._take(claims, requested_at)
        if hinted and following.limit and len(claims) == following.limit:
            hints.send("work")  # there may be more, for another worker

    def _next(self) -> settlement.Next:
        """What to claim once the jobs of `settling` are settled."""
        if self.stop_requests:
            return settlement.Next(0)
        ahead = self.executors.pace.ahead
        limit = max(0, self.threads + ahead - len(self.jobs) + len(self.settling))
        begins = self.executors.idle - sum(job.waiting for job in self.jobs)
        reusable = (
            {job.claim.profile for job in self.jobs if job.process_key} if self.executors.pace.quick else ()
        )
        return settlement.Next(
            limit, ahead=ahead, starting=limit <= begins, starting_profiles=sorted(reusable)
        )

    def _claim(self, following: settlement.Next) -> list[Claim]:
        try:
            return Task.objects.claim(by=self.agent, **following.as_options())
        except (AgentUnavailable, CapacityFull) as refusal:
            log.debug("%s claims nothing: %s", self.name, refusal)
            return []

    def _take(self, claims: Sequence[Claim], requested_at: float) -> None:
        jobs = [ClaimedJob(claim, requested_at, requested_at if claim.started else None) for claim in claims]
        for job in jobs:
            job.stop.until = requested_at + settings.WORKER_LEASE_S
        self.jobs += jobs
        self.executors.put([job for job in jobs if job.running])

    # -- starting

    def _start(self) -> None:
        """Start what waits and can begin, each only when that is recorded: should this process die, what ran
        is known from what only waited. For reusable processes, what is sent to them counts as started.
        """
        waiting = [job for job in self.jobs if job.waiting]
        if self.stop_requests:
            for job in waiting + self._taken_back():
                self._give_up(job, "the worker ends")
            return
        idle, quick = self.executors.idle, self.executors.pace.quick
        chosen = [job for at, job in enumerate(waiting) if at < idle or (quick and job.process_key)]
        if not chosen:
            return
        requested_at = time.monotonic()
        lost = Task.objects.start_all([(job.claim.task, job.claim.fence) for job in chosen], by=self.agent)
        for job in chosen:
            if job.claim.task in lost:
                self._give_up(job, "the claim was lost before its start")
            else:
                job.started_at = requested_at
        self.executors.put([job for job in chosen if job.running])

    def _taken_back(self) -> list[ClaimedJob]:
        return self.executors.take_back()

    def _give_back_late(self) -> None:
        """What was claimed ahead, while jobs ended quickly, is not kept from other workers behind a long
        one.
        """
        late = time.monotonic() - WAITS_S
        for job in [job for job in self.jobs if job.waiting and job.requested_at < late]:
            self._give_up(job, "it waited for too long")
        for job in self.executors.take_back(lambda job: job.requested_at < late):
            self._give_up(job, "it waited for too long")

    def _give_up(self, job: ClaimedJob, why: str) -> None:
        job.give_up(why)
        self.wake.set()

    # -- keeping and dropping

    def _renew(self) -> None:
        """Renew the leases, and show what gets on; a job whose claim is lost stops at once."""
        if (began := time.monotonic()) < self.renewal_due:
            return
        self.renewal_due = began + settings.WORKER_BEAT_S
        if not worker_name.take(self.name):
            log.error("another process works as %s now: this one ends", self.name)
            self.stop()
        self.agent.seen()
        if self.checks:
            self.checks.renew()
        # one that was stopped is left out: its task may be ours again
        jobs = {job.claim.task: job for job in self.jobs if not job.stop.reason}
        kept, lost = Task.objects.renew(
            [(job.claim.task, job.claim.fence) for job in jobs.values()],
            by=self.agent,
            marks=[job.mark for job in jobs.values()],
        )
        for claim in kept:
            jobs[claim["task"]].stop.until = began + settings.WORKER_LEASE_S
        for claim in lost:
            jobs[claim["task"]].stop.request(f"the claim was lost: the task is {claim['state']}")

    def _drop(self, ended: Sequence[tuple[ClaimedJob, str]]) -> None:
        for job, how in ended:
            assert job.ending
            log.info("%s %s: %s", job.claim.key, how, "done" if job.ending.ok else job.ending.error)
            self.settled_count += how == "settled"
            job.close()
        dropped = {job for job, _ in ended}
        self.jobs = [job for job in self.jobs if job not in dropped]
        self.live_output.forget(dropped)

    def _stop_all(self, reason: str) -> None:
        for job in self._taken_back() + [job for job in self.jobs if job.waiting]:
            self._give_up(job, reason)
        for job in self.jobs:
            if job.running:
                job.stop.request(reason)

    def _drop_expired(self) -> None:
        """Asked to stop while the database is away: do not wait for what has ended and outlived its lease."""
        if not self.stop_requests:
            return
        now = time.monotonic()
        ended = [job for job in self.jobs if job.ending]
        self._drop([(job, "not settled") for job in ended if self.stop_requests > 1 or now > job.stop.until])
        self.settling = [job for job in self.settling if job in self.jobs]
