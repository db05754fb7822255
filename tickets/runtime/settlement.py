"""Settling what a worker's jobs have ended with."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from django.db import DatabaseError, OperationalError

from agents.executors.job import Ending
from agents.models import Agent
from omoi_site.errors import OmoiError
from tickets.models import Artifact, ClaimLost, NewArtifact, Task, Ticket
from tickets.runtime.claimed_job import ClaimedJob

log = logging.getLogger(__name__)


def settle(ended: Sequence[ClaimedJob], agent: Agent) -> Iterator[tuple[ClaimedJob, str]]:
    """Store how jobs ended. Yields each that needs nothing more, and whether it was `settled`, `lost` or
    `given back`.

    Raises OperationalError when the database is away: what was not yielded is settled in the next try. An
    ending is lost only with its claim.
    """
    for job in ended:
        _submit_files(job, agent)
    finished = [job for job in ended if job.ending and not job.ending.stopped]
    lost = _settle_finished(finished, agent) if finished else set()
    for job in finished:
        yield job, "lost" if job.claim.task in lost else "settled"
    for job in ended:
        if job not in finished:
            yield job, _give_back(job, agent)


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


def _settle_finished(finished: list[ClaimedJob], agent: Agent) -> set[int]:
    """The tasks of those whose claim was lost."""
    try:
        settlements = Task.objects.settle([job.outcome() for job in finished], by=agent)
    except DatabaseError as error:
        if isinstance(error, OperationalError):
            raise
        return {job.claim.task for job in finished if not _settle_alone(job, agent)}
    return {settlement.task for settlement in settlements if settlement.lost}


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
