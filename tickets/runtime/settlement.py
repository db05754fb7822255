"""Settling what a worker's jobs have ended with, and claiming what comes next."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, OperationalError

from agents.executors.job import Ending
from agents.models import Agent
from omoi_site.errors import Invalid, OmoiError
from tickets.models import Artifact, Claim, ClaimLost, ClaimOptions, Discovery, NewArtifact, Task, Ticket
from tickets.runtime.claimed_job import ClaimedJob

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Next:
    """What to claim: so many, see ClaimOptions."""

    limit: int
    ahead: int = 0
    starting: bool = False
    starting_profiles: Sequence[str] = ()

    def as_options(self) -> ClaimOptions:
        return {
            "limit": self.limit,
            "lease_s": settings.WORKER_LEASE_S,
            "ahead": self.ahead,
            "starting": self.starting,
            "starting_profiles": self.starting_profiles,
        }


@dataclass
class Settled:
    """jobs: each with whether it was `settled`, `lost` or `given back`. claims: what comes next."""

    jobs: list[tuple[ClaimedJob, str]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def settle(ended: Sequence[ClaimedJob], agent: Agent, following: Next) -> Settled:
    """Store how jobs ended, and claim in the same transaction.

    Raises OperationalError when the database is away: then call it again with the same jobs, so that claims
    whose answer was lost are found. An ending is lost only with its claim.
    """
    settled = Settled()
    for job in ended:
        if job.ending and job.ending.stopped:
            settled.jobs.append((job, _give_back(job, agent)))
        else:
            _check_discoveries(job, agent)
            _submit_files(job, agent)
    finished = [job for job in ended if job.ending and not job.ending.stopped]
    if finished:
        lost, settled.claims = _settle_finished(finished, agent, following)
        settled.jobs += [(job, "lost" if job.claim.task in lost else "settled") for job in finished]
    return settled


def _check_discoveries(job: ClaimedJob, agent: Agent) -> None:
    """If what a job found on the way cannot be recorded, that job has failed; others are settled with it."""
    assert job.ending
    if not job.ending.discoveries:
        return
    try:
        Discovery.objects.found_by(job.outcome(), by=agent)
    except Invalid as fault:
        job.ending.close()
        first = fault.more["errors"][0]
        why = f"what it found cannot be recorded: {first['field']}: {first['message']}"
        job.ending = Ending.failed(why, kind="validation", **job.ending.result)


def _submit_files(job: ClaimedJob, agent: Agent) -> None:
    """Submit the files of a job under its fence; if that is refused, the job has failed. A repetition adds
    nothing.
    """
    claim, ending = job.claim, job.ending
    assert ending
    if not ending.files:
        return
    ticket = Ticket.objects.select_related("project").get(pk=claim.ticket_id)
    try:
        for file in ending.files:
            new = NewArtifact(file.type, file.content, name=file.path, phase=claim.phase, path=file.path)
            Artifact.objects.submit(ticket, new, task=Task(pk=claim.task), fence=claim.fence, by=agent)
    except ClaimLost:
        log.info("%s was lost before its files were submitted", claim.key)  # settling finds the same
    except OmoiError as refusal:
        job.ending = Ending.refused(f"{file.path} could not be submitted: {refusal.message}")
        ending.close()


def _settle_finished(
    finished: list[ClaimedJob], agent: Agent, following: Next
) -> tuple[set[int], list[Claim]]:
    """The tasks of those whose claim was lost, and what was claimed."""
    outcomes = [job.outcome() for job in finished]
    try:
        if following.limit:
            settlements, claims = Task.objects.settle_and_claim(outcomes, by=agent, **following.as_options())
        else:
            settlements, claims = Task.objects.settle(outcomes, by=agent), []
    except DatabaseError as error:
        if isinstance(error, OperationalError):
            raise
        return {job.claim.task for job in finished if not _settle_alone(job, agent)}, []
    return {settlement.task for settlement in settlements if settlement.lost}, claims


def _settle_alone(job: ClaimedJob, agent: Agent) -> bool:
    """One of several cannot be stored: that one fails. False when its claim was lost."""
    try:
        [settlement] = Task.objects.settle([job.outcome()], by=agent)
    except DatabaseError as error:
        if isinstance(error, OperationalError):
            raise
        job.ending = Ending.refused(f"its result could not be stored: {type(error).__name__}")
        [settlement] = Task.objects.settle([job.outcome()], by=agent)
    return not settlement.lost


def _give_back(job: ClaimedJob, agent: Agent) -> str:
    """A job that was stopped: if the claim is still ours, the task is ready again and loses no attempt."""
    try:
        Task.objects.release(job.claim.task, job.claim.fence, by=agent, reason=job.stop.reason)
    except ClaimLost:
        return "lost"
    return "given back"
