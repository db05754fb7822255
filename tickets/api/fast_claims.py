"""The fast routes of claims: what claims.py answers, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from agents.api.fast import Asked
from agents.models import Key, Project
from tickets.models import Task
from tickets.models.claim.claim import Claim
from tickets.models.ticket.fields import Priority

PRIORITIES = {priority.value: priority.name.lower() for priority in Priority}


def claim(asked: Asked) -> Any:
    """What is granted at once. If that is nothing, the full view ends lapsed claims, waits, or says why."""
    claims = Task.objects.claim_at_once(by=asked.agent, **options(asked.body))
    return {"claims": [document(claim) for claim in claims]} if claims else None


def options(body: Any) -> dict[str, Any]:
    """The options of a claim, as the verbs take them."""
    return {
        "limit": body.limit,
        "lease_s": body.lease_s,
        "capabilities": None if body.capabilities is UNSET else body.capabilities,
        "phases": None if body.phases is UNSET else body.phases,
        "project": None if body.project is UNSET else Project(key=body.project.upper()),
    }


def document(claim: Claim) -> dict[str, Any]:
    """As ClaimOut writes it."""
    return {
        "task": {
            "id": str(claim.task),
            "key": claim.key,
            "title": claim.title,
            "kind": claim.kind,
            "ticket": claim.ticket,
            "phase": claim.phase,
            "priority": PRIORITIES[claim.priority],
            "timeout_s": claim.timeout_s,
        },
        "fence": claim.fence,
        "attempt": claim.attempt,
        "lease_expires_at": claim.lease_expires_at,
        "locks": [],
        "brief": claim.brief,
    }


def heartbeat(asked: Asked) -> Any:
    """What is renewed. If a claim is lost, the full view says to whom; renewing twice does no harm."""
    body = asked.body
    if body.status is not UNSET or body.metrics is not UNSET:
        return None
    held = [(int(claim.task), claim.fence) for claim in body.claims]
    kept = Task.objects.renew_at_once(held, by=asked.agent)
    if len(kept) < len(held) or not (held or Key.objects.holds(asked.agent)):
        return None
    claims = [{**row, "task": str(row["task"])} for row in kept]
    return {"claims": claims, "lost": [], "unread": 0, "commands": []}
