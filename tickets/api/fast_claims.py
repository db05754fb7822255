"""The fast routes of claims: what claims.py and settlements.py answer, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked
from agents.models import Key
from tickets.api.claims import claim_document, heartbeat_document, held, narrowed, progress_of
from tickets.api.fields import number
from tickets.api.settlements import settle
from tickets.api.tasks import task_document
from tickets.models import Outcome, Task


def claim(asked: Asked) -> Any:
    """What is granted at once. If that is nothing, the full view ends lapsed claims, waits, or says why."""
    wanted, which = narrowed(asked.body, by=asked.agent)
    claims = Task.objects.claim_at_once(**wanted, **which)
    return {"claims": [claim_document(claim) for claim in claims]} if claims else None


def heartbeat(asked: Asked) -> Any:
    """What is renewed. If a claim is lost, the full view says to whom; renewing twice does no harm."""
    if "status" in asked.body or "metrics" in asked.body:
        return None
    claims = [held(claim) for claim in asked.body["claims"]]
    kept = Task.objects.renew_at_once(claims, by=asked.agent)
    if len(kept) < len(claims) or not (claims or Key.objects.holds(asked.agent)):
        return None
    return heartbeat_document(kept, [])


def settlements(asked: Asked) -> Any:
    return settle(asked.body, asked.agent)


def completion(asked: Asked) -> Any:
    return _settle_one(asked, state="completed", result=asked.body.get("result"))


def failure(asked: Asked) -> Any:
    return _settle_one(asked, state="failed", error=asked.body["error"], kind=asked.body["kind"])


def _settle_one(asked: Asked, **outcome: Any) -> Any:
    task = number(asked.name)
    [settled] = Task.objects.settle([Outcome(task, asked.body["fence"], **outcome)], by=asked.agent)
    return None if settled.lost else task_document(task)


def progress(asked: Asked) -> Any:
    task, progress = number(asked.name), progress_of(asked.body)
    if not progress:
        return None
    Task.objects.report_progress(task, asked.body["fence"], progress, by=asked.agent)
    return task_document(task)
