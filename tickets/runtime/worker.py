"""A worker: an agent that claims tasks with a profile and carries them out, several at the same time.

One loop in one thread, with one database connection, claims for all its threads, records the start of each
task, renews what they hold and settles what they have ended. The threads touch no database; each waits for a
process of its own. A loop that cannot reach the database goes on trying, and whatever outlives its lease
meanwhile stops itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, Error, OperationalError, close_old_connections, connection

from agents import profiles
from agents.executors import spawn
from agents.executors.job import Ending, Job
from agents.executors.job_folder import clear_leftovers
from agents.executors.run import run
from agents.executors.stop_signal import Stop
from agents.models import Agent, AgentPresence
from omoi_site.brokers import hints
from omoi_site.errors import OmoiError
from tickets.models import (
    AgentUnavailable,
    Artifact,
    CapacityFull,
    Claim,
    ClaimLost,
    NewArtifact,
    Outcome,
    Task,
    Ticket,
)
from tickets.runtime import worker_name
from tickets.runtime.wake_event import WakeEvent

log = logging.getLogger(__name__)
_here: Worker | None = None


def look() -> None:
    """A hint came: the worker of this process, if it has one, looks for tasks at once."""
    if _here is not None:
        _here.hinted.set()
        _here.wake.set()


@dataclass(eq=False)
class Held:
    """A claim this worker holds: not yet begun, at work, or ended and not yet settled."""

    claim: Claim
    since: float  # of time.monotonic(), before the claim was asked for
    begun: bool = False
    stop: Stop = field(default_factory=Stop)
    ending: Ending | None = None


class Worker:
    """Claims for `threads` executors under the agent `name`, until it is told to end."""

    def __init__(self, name: str, threads: int, capabilities: Sequence[str] = ()) -> None:
        self.name, self.threads, self.capabilities = name, threads, capabilities
        self.held: list[Held] = []
        self.beat_due = 0.0
        self.wake = WakeEvent()
        self.hinted = threading.Event()
        self.told_to_end = 0
        self.done = 0

    def enlist(self) -> None:
        """Be known as an agent; what a dead process of this name held is ready again. Raises Invalid when
        name or threads cannot be.
        """
        global _here
        self.agent = Agent.objects.worker(self.name, capacity=self.threads, capabilities=self.capabilities)
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="executor")
        clear_leftovers()
        spawn.adopt_strays()
        if left := Task.objects.abandon(by=self.agent, fate=self._fate()):
            log.info("%d claims of the process that had this name before have ended", left)
        self.agent.seen(metrics={"pid": os.getpid()})
        _here = self

    def _fate(self) -> str:
        """How the process that had this name before ended, where whoever started this one saw it (`PID, then
        words`).
        """
        pid, _, fate = os.environ.get("OMOI_PREDECESSOR", "").partition(" ")
        before = AgentPresence.objects.filter(agent=self.agent).first()
        return fate if before and pid and pid == str(before.metrics.get("pid")) else ""

    def end(self) -> None:
        """No new claims; running work gets its grace.

        Told twice: none. Safe to call from a signal handler.
        """
        self.told_to_end += 1
        self.wake.set()

    def run(self) -> None:
        """Work until told to end and everything held is settled or given back."""
        grace_over = float("inf")
        while not self.told_to_end or self.held:
            if self.told_to_end and grace_over == float("inf"):
                grace_over = time.monotonic() + settings.WORKER_GRACE_S
            if self.told_to_end and (time.monotonic() > grace_over or self.told_to_end > 1):
                self._stop_all("the worker ends")
            pause = self._turn()
            if not self.told_to_end or self.held:
                self.wake.wait(min(pause, max(0.1, grace_over - time.monotonic())))
        self.pool.shutdown()
        connection.close()

    def _turn(self) -> float:
        """Settle, renew, claim; returns how long nothing needs to be done."""
        close_old_connections()
        try:
            self._settle()
            self._renew()
            self._claim()
            self._begin()
        except Error as error:
            log.warning("the database does not answer, trying again: %s", str(error).strip())
            connection.close()
            self.beat_due = 0.0
            self._let_go_of_the_late()
            return 1.0
        return max(0.0, min(settings.WORKER_POLL_S, self.beat_due - time.monotonic()))

    # -- claiming and carrying out

    def _claim(self) -> None:
        room = self.threads - len(self.held)
        if self.told_to_end or room <= 0:
            return
        hinted = self.hinted.is_set()
        self.hinted.clear()
        began = time.monotonic()
        try:
            claims = Task.objects.claim(by=self.agent, limit=room, lease_s=settings.WORKER_LEASE_S)
        except (AgentUnavailable, CapacityFull) as refusal:
            log.debug("%s claims nothing: %s", self.name, refusal)
            return
        for claim in claims:
            held = Held(claim, began)
            held.stop.until = began + settings.WORKER_LEASE_S
            self.held.append(held)
        if hinted and len(claims) == room:
            hints.send("work")  # there may be more, for whoever has room

    def _begin(self) -> None:
        """Carry out what is not begun yet, each only once that is recorded: should this process die, what ran
        is told from what only waited.
        """
        for held in [held for held in self.held if not held.begun and held.ending is None]:
            if self.told_to_end:
                self._leave(held, "the worker ends")
                continue
            try:
                Task.objects.start(held.claim.task, held.claim.fence, by=self.agent)
            except ClaimLost as lost:
                self._leave(held, lost.message)
                continue
            held.begun = True
            self.pool.submit(self._carry_out, held)

    def _leave(self, held: Held, why: str) -> None:
        """Do not begin it: it is given back."""
        held.stop.pull(why)
        held.ending = Ending.failed(why, stopped=True)
        self.wake.set()

    def _carry_out(self, held: Held) -> None:
        """In a thread of the pool: always an ending, whatever happens."""
        try:
            held.ending = run(job_of(held.claim, held.since), held.stop)
        except (profiles.UnknownProfile, ValueError) as error:
            held.ending = Ending.refused(str(error))
        except Exception as error:
            log.exception("carrying out %s broke", held.claim.key)
            held.ending = Ending.failed(f"the worker broke: {type(error).__name__}: {error}")
        self.wake.set()

    # -- keeping

    def _renew(self) -> None:
        """Keep what is held; whatever the database says is lost stops at once."""
        if (began := time.monotonic()) < self.beat_due:
            return
        self.beat_due = began + settings.WORKER_BEAT_S
        if not worker_name.take(self.name):
            log.error("another process works as %s now: this one ends", self.name)
            self.end()
        self.agent.seen()
        ours = {
            held.claim.task: held for held in self.held if not held.stop.reason
        }  # a task that was lost may be ours anew
        kept, lost = Task.objects.renew(
            [(held.claim.task, held.claim.fence) for held in ours.values()], by=self.agent
        )
        for claim in kept:
            ours[claim["task"]].stop.until = began + settings.WORKER_LEASE_S
        for claim in lost:
            ours[claim["task"]].stop.pull(f"the claim was lost: the task is {claim['state']}")

    # -- settling

    def _settle(self) -> None:
        """Say how ended work ended.

        What cannot be said now is kept and said again: an ending is lost only with its claim.
        """
        over = [held for held in self.held if held.ending]
        if not over:
            return
        for held in over:
            self._submit_files(held)
        finished = [held for held in over if held.ending and not held.ending.stopped]
        stopped = [held for held in over if held.ending and held.ending.stopped]
        try:
            settled = (
                Task.objects.settle([_outcome(held) for held in finished], by=self.agent) if finished else []
            )
            lost = {answer.task for answer in settled if answer.lost}
        except DatabaseError as error:
            if isinstance(error, OperationalError):
                raise
            lost = self._settle_one_by_one(finished)
        for held in finished:
            self._forget(held, "lost" if held.claim.task in lost else "settled")
        for held in stopped:
            self._give_back(held)

    def _submit_files(self, held: Held) -> None:
        """Bring in what the work left, under its fence; what cannot be is a failure. Done again after a lost
        connection, it adds nothing.
        """
        claim, ending = held.claim, held.ending
        assert ending
        if not ending.files:
            return
        ticket = Ticket.objects.select_related("project").get(pk=claim.ticket_id)
        try:
            for file in ending.files:
                new = NewArtifact(file.type, file.content, name=file.path, phase=claim.phase, path=file.path)
                Artifact.objects.submit(
                    ticket, new, task=Task(pk=claim.task), fence=claim.fence, by=self.agent
                )
        except ClaimLost:
            log.info("%s was lost before what it left was handed in", claim.key)  # settling is told the same
        except OmoiError as refusal:
            held.ending = Ending.refused(f"{file.path} could not be handed in: {refusal.message}")
            ending.close()

    def _settle_one_by_one(self, finished: list[Held]) -> set[int]:
        """One of them cannot be stored: that one fails, the others are told as they are."""
        lost = set()
        for held in finished:
            try:
                [answer] = Task.objects.settle([_outcome(held)], by=self.agent)
            except DatabaseError as error:
                if isinstance(error, OperationalError):
                    raise
                held.ending = Ending.refused(f"its result could not be stored: {type(error).__name__}")
                [answer] = Task.objects.settle([_outcome(held)], by=self.agent)
            if answer.lost:
                lost.add(held.claim.task)
        return lost

    def _give_back(self, held: Held) -> None:
        """Work that was stopped: if the claim is still ours, the task is ready again and loses no attempt."""
        try:
            Task.objects.release(held.claim.task, held.claim.fence, by=self.agent, reason=held.stop.reason)
            self._forget(held, "given back")
        except ClaimLost:
            self._forget(held, "lost")

    def _forget(self, held: Held, how: str) -> None:
        assert held.ending
        log.info("%s %s: %s", held.claim.key, how, "done" if held.ending.ok else held.ending.error)
        self.done += how == "settled"
        self.held.remove(held)
        held.stop.close()
        held.ending.close()

    def _stop_all(self, reason: str) -> None:
        for held in self.held:
            if not held.begun and held.ending is None:
                self._leave(held, reason)
            elif held.ending is None:
                held.stop.pull(reason)

    def _let_go_of_the_late(self) -> None:
        """Told to end while nobody hears us: what has ended and outlived its lease is not waited for."""
        late = [
            held
            for held in self.held
            if held.ending is not None and (self.told_to_end > 1 or time.monotonic() > held.stop.until)
        ]
        for held in late if self.told_to_end else []:
            self._forget(held, "not told")


def job_of(claim: Claim, since: float) -> Job:
    """What an executor needs to carry out this claim; raises UnknownProfile, and ValueError when its slots do
    not fit.

    A task's own timeout counts from the claim, so it is over here a little before a sweep would say so.
    """
    left = claim.timeout_s - (time.monotonic() - since) if claim.timeout_s else float("inf")
    if not claim.granted:
        raise profiles.UnknownProfile(
            f"the project of {claim.ticket} may not use the profile {claim.profile}:"
            " the admin of this installation grants it"
        )
    profile = profiles.named(claim.profile)
    words, values = profile.filled(claim.slots)
    brief = {
        "task": str(claim.task),
        "key": claim.key,
        "title": claim.title,
        "kind": claim.kind,
        "phase": claim.phase,
        "attempt": claim.attempt,
    }
    return Job(
        name=f"{claim.task}.{claim.fence}",
        kind=profile.kind,
        words=words,
        brief={**brief, **claim.brief},
        slots=values,
        environment={
            **profile.environment,
            "OMOI_TASK": str(claim.task),
            "OMOI_TICKET": claim.ticket,
            "OMOI_ATTEMPT": str(claim.attempt),
        },
        folders=[profile.folder],
        artifacts=profile.artifacts,
        isolation=profile.isolation,
        timeout_s=round(min(profile.timeout_s, left), 1),
    )


def _outcome(held: Held) -> Outcome:
    assert held.ending
    return Outcome(
        held.claim.task,
        held.claim.fence,
        "completed" if held.ending.ok else "failed",
        result=held.ending.result or None,
        error=held.ending.error,
        kind=held.ending.kind,
    )
