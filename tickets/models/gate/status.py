"""The status of the gate of a ticket's phase, for display.

Reading it does not judge the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tickets.models.gate.approval_state import evidence_shown
from tickets.models.gate.verdict import Case, Verdict, digest, run_checks
from tickets.models.ticket.ticket import Ticket

STATUSES = ["not_configured", "blocked", "waiting_tasks", "ready"]
WAITS_FOR_TASKS = "tasks_completed"


@dataclass(frozen=True)
class Gate:
    """`status`: not_configured, blocked (something is missing or not good enough), waiting_tasks (only tasks
    are missing), ready (it would open).

    checks: each {check, …parameters, passed, reasons}, for the present evidence. verdict: the last one since
    the ticket entered the phase. evidence: the digest of what it says and shows, which a person approves.
    """

    phase: str
    status: str
    checks: list[dict[str, Any]]
    verdict: Verdict | None
    holds: bool
    evidence: str


def gate(ticket: Ticket) -> Gate:
    """The status of the gate. If the evidence has not changed since the last verdict, it is not read
    again.
    """
    evidence = digest(ticket)
    verdict = (
        Verdict.objects.filter(ticket=ticket, phase=ticket.phase, move=ticket.moves).order_by("-id").first()
    )
    current = verdict is not None and verdict.evidence == evidence
    checks = verdict.checks if verdict and current else run_checks(Case(ticket, ticket.phase))
    return Gate(
        ticket.phase,
        _status(checks),
        checks,
        verdict,
        bool(verdict and verdict.passed and current),
        evidence_shown(ticket),
    )


def _status(checks: list[dict[str, Any]]) -> str:
    closed = {check["check"] for check in checks if not check["passed"]}
    if not checks:
        return "not_configured"
    if closed:
        return "waiting_tasks" if closed == {WAITS_FOR_TASKS} else "blocked"
    return "ready"
