"""Why a ticket came back to its phase, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tickets.gates.check_names import capital, name_of
from tickets.models import Ticket
from tickets.models.ticket.feedback import EARLIER, shown_in
from tickets.pages.gate_checklist import entry_of, result_text

NAMED = 10  # artifacts named; the others are in the list of artifacts


@dataclass(frozen=True)
class Feedback:
    """One return. `unmet`: for each reason of the gate its check, what was there, and what to do."""

    from_phase: str
    reason: str
    by: str
    at: datetime
    unmet: list[tuple[str, str, str]]
    artifacts: list[dict[str, Any]]

    @property
    def named(self) -> list[dict[str, Any]]:
        return self.artifacts[:NAMED]

    @property
    def left(self) -> int:
        return len(self.artifacts) - len(self.named)


def feedback_of(ticket: Ticket, phase: str) -> list[Feedback]:
    """What concerns the work of this phase, newest first."""
    return [_shown(ticket, item) for item in shown_in(ticket.feedback, phase)]


def _shown(ticket: Ticket, item: dict[str, Any]) -> Feedback:
    left = item["from_phase"]
    gate = ticket.plan[left].gate if left in ticket.plan else ()
    unmet = [
        (name_of(entry_of(gate, reason)), result_text(reason), capital(str(reason.get("how") or "")))
        for reason in item["unmet"]
    ]
    at = datetime.fromisoformat(item["at"])
    return Feedback(left, item["reason"], item["by"], at, unmet, item[EARLIER])
