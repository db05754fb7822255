"""Feedback: why a ticket came back to an earlier phase, and what was submitted there before.

It is stored with the ticket, so that a claim, which reads the ticket anyway, needs no other statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Max

from tickets.models.gate.verdict import Verdict
from tickets.models.ticket.fields import TicketFields
from tickets.models.ticket.history import PhaseMove

MOST = 100  # reasons of a refusal, and earlier artifacts
EARLIER = "earlier"  # what was submitted for these phases before: inputs of work that is done again

Item = dict[str, Any]


def last_refusal(ticket: TicketFields, phase: str) -> Verdict | None:
    """The last verdict of the ticket's stay in this phase, if it did not pass."""
    entries = ticket.history.filter(to_phase=phase).exclude(ground=PhaseMove.Ground.UNBLOCKED)
    entered = entries.aggregate(move=Max("move", default=0))
    last: Verdict | None = ticket.verdicts.filter(phase=phase, move__gte=entered["move"]).first()
    return None if last is None or last.passed else last


def attach(ticket: TicketFields, row: PhaseMove, left: str) -> None:
    """Keep with the ticket why this move takes it back from `left`.

    It is shown in all phases whose work may be done again. What was kept before stays only if it came from a
    later phase: the ticket has not passed that one since.
    """
    plan = ticket.plan
    back = plan[left].position
    phases = [phase.name for phase in plan.phases if plan[row.to_phase].position <= phase.position <= back]
    verdict = row.verdict
    item = {
        "from_phase": left,
        "to_phase": row.to_phase,
        "phases": phases,
        "reason": row.reason,
        "by": row.by,
        "at": row.at.isoformat(),
        "verdict": verdict and str(verdict.pk),
        "unmet": verdict.unmet[:MOST] if verdict else [],
        "judged": verdict.artifacts if verdict else {},
        EARLIER: _earlier(ticket, phases),
    }
    kept = [old for old in ticket.feedback if old["from_phase"] in plan]
    ticket.feedback = [item, *(old for old in kept if plan[old["from_phase"]].position > back)]


def _earlier(ticket: TicketFields, phases: Sequence[str]) -> list[Item]:
    """The newest revisions of what was submitted for these phases."""
    artifacts = ticket.artifacts.current().filter(phase__in=phases)
    return [
        {
            "artifact": str(artifact.pk),
            "phase": artifact.phase,
            "name": artifact.name,
            "type": artifact.type,
            "revision": artifact.revision,
            "hash": artifact.hash,
        }
        for artifact in artifacts[:MOST]
    ]


def shown_in(feedback: Sequence[Item], phase: str) -> list[Item]:
    """The items that concern work of this phase, newest first."""
    return [item for item in feedback if phase in item["phases"]]
