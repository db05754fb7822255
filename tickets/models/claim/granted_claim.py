"""Claim: a granted task as its holder gets it, with the brief."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from omoi_site.brokers import hints
from omoi_site.redaction import redact_text
from tickets.models.ticket.feedback import EARLIER, shown_in


@dataclass(frozen=True)
class Claim:
    """A granted task. The holder sends `fence` with every later write."""

    task: int
    key: str
    title: str
    kind: str
    ticket: str
    ticket_id: int
    phase: str
    priority: int
    timeout_s: int | None
    fence: int
    attempt: int
    lease_expires_at: datetime
    stall_after_s: int
    profile: str
    granted: bool  # whether its project may use the profile
    slots: dict[str, Any]
    brief: dict[str, Any] = field(default_factory=dict)
    started: bool = False  # its start is recorded with the claim


def claims_of(rows: list[dict[str, Any]]) -> list[Claim]:
    """The granted tasks of these rows, most urgent first, after a hint for tickets whose phase begins with
    one.
    """
    granted = [row for row in rows if row["id"] is not None]
    granted.sort(key=lambda row: (row["rank"], row["id"]))
    if moving := sorted({row["ticket_id"] for row in granted if row["first_of_phase"]}):
        hints.send("advance_tickets", moving)
    return [claim_of(row) for row in granted]


def _recovery(row: dict[str, Any]) -> dict[str, Any]:
    """What was tried before, how that failed, and where the work stands."""
    tried = [{**attempt, "error": redact_text(attempt["error"])} for attempt in row["tried"] or ()]
    recovery = {"attempt": row["attempts"], "error": redact_text(row["error"]), "tried": tried}
    if row["checkpoint"]:
        recovery["checkpoint"] = row["checkpoint"]
    return recovery


def claim_of(row: dict[str, Any]) -> Claim:
    brief = {
        "ticket": {"key": row["ticket_key"], "title": row["ticket_title"]},
        "description": row["description"] or row["ticket_description"],
        "context": row["context"],
        "inputs": row["inputs"],
    }
    if row["work_s"] is not None:
        brief["work_s"] = row["work_s"]
    if feedback := shown_in(row["feedback"], row["phase"]):
        brief["feedback"] = [
            {name: value for name, value in item.items() if name != EARLIER} for item in feedback
        ]
        brief["inputs"] = [*row["inputs"], *feedback[0][EARLIER]]
    if row["attempts"] > 1 or row["tried"] or row["checkpoint"]:
        brief["recovery"] = _recovery(row)
    return Claim(
        task=row["id"],
        key=f"{row['ticket_key']}.{row['id']}",
        title=row["title"],
        kind=row["kind"],
        ticket=row["ticket_key"],
        ticket_id=row["ticket_id"],
        phase=row["phase"],
        priority=row["priority"],
        timeout_s=row["timeout_s"],
        fence=row["fence"],
        attempt=row["attempts"],
        lease_expires_at=row["lease_expires_at"],
        stall_after_s=row["stall_s"] or 0,
        profile=row["profile"],
        granted=row["granted"],
        slots=row["slots"],
        brief=brief,
        started=row["started"],
    )
