"""The gate of the phase a ticket stands in, as whoever must open it wants to see it.

Looking at it judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omoi_site.database import sql
from tickets.models.gate.verdict import EVIDENCE, Case, Verdict, run_checks
from tickets.models.ticket.ticket import Ticket

STATUSES = ["not_configured", "blocked", "waiting_tasks", "ready"]
WAITS_FOR_TASKS = "tasks_completed"


@dataclass(frozen=True)
class Gate:
    """`status`: not_configured, blocked (something is missing or does not do), waiting_tasks (only tasks
    are), ready (it would open).

    checks: each {check, …parameters, passed, reasons}, as they come out on what is there now. verdict: the
    last one given in this stay.
    """

    phase: str
    status: str
    checks: list[dict[str, Any]]
    verdict: Verdict | None
    holds: bool


def gate(ticket: Ticket) -> Gate:
    """How the gate stands; what is unchanged since the last verdict is not read again."""
    digest = sql.one(EVIDENCE, [ticket.pk, ticket.phase])
    assert digest
    verdict = (
        Verdict.objects.filter(ticket=ticket, phase=ticket.phase, move=ticket.moves).order_by("-id").first()
    )
    current = verdict is not None and verdict.evidence == digest["digest"]
    checks = verdict.checks if verdict and current else run_checks(Case(ticket, ticket.phase))
    return Gate(ticket.phase, _status(checks), checks, verdict, bool(verdict and verdict.passed and current))


def _status(checks: list[dict[str, Any]]) -> str:
    closed = {check["check"] for check in checks if not check["passed"]}
    if not checks:
        return "not_configured"
    if closed:
        return "waiting_tasks" if closed == {WAITS_FOR_TASKS} else "blocked"
    return "ready"
