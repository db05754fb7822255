"""The fast routes of claims: what claims.py and settlements.py answer, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked, Empty
from agents.api.view import wait
from agents.models import Project
from tickets.api.claims import (
    beaten,
    claim_document,
    failure_of,
    heartbeat_document,
    narrowed,
    progress_of,
)
from tickets.api.fields import number
from tickets.api.new_discoveries import new_discoveries
from tickets.api.settlements import settle
from tickets.api.tasks import completed_document, task_document
from tickets.models import Outcome, Task
from tickets.models.claim.wake_up import wait_keys


def claim(asked: Asked) -> Any:
    """What is granted at once, or that there is nothing. The full view makes ready what is due, and says why
    there can be nothing.
    """
    wanted, which = narrowed(asked.body, by=asked.agent)
    claims = Task.objects.claim_at_once(**wanted, **which)
    if claims:
        return {"claims": [claim_document(claim) for claim in claims]}
    project = which["project"]
    if claims is None or (
        project and not Project.objects.seen_by(asked.agent).filter(key=project.key).exists()
    ):
        return None
    seconds = asked.body["wait_s"]
    return Empty(wait(asked.agent, wait_keys(**which), seconds) if seconds else {})


def heartbeat(asked: Asked) -> Any:
    """What is renewed. If a claim is lost, the full view says to whom; renewing twice does no harm."""
    beat = Task.objects.beat_at_once(**beaten(asked.body), by=asked.agent)
    return beat and heartbeat_document(beat)


def settlements(asked: Asked) -> Any:
    return settle(asked.body, asked.agent)


def completion(asked: Asked) -> Any:
    found = new_discoveries(asked.body)
    return _settle_one(asked, state="completed", result=asked.body.get("result"), discoveries=found)


def failure(asked: Asked) -> Any:
    return _settle_one(asked, state="failed", **failure_of(asked.body))


def _settle_one(asked: Asked, **outcome: Any) -> Any:
    task = number(asked.name)
    [settled] = Task.objects.settle([Outcome(task, asked.body["fence"], **outcome)], by=asked.agent)
    return None if settled.lost else completed_document(settled)


def progress(asked: Asked) -> Any:
    task, progress = number(asked.name), progress_of(asked.body)
    if not progress:
        return None
    Task.objects.report_progress(task, asked.body["fence"], progress, by=asked.agent)
    return task_document(task)
