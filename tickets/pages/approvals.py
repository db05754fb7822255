"""The approvals of a ticket on its page: what is approved, and what people decided so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omoi_site import humanize
from tickets.models import Approval, Artifact, Ticket
from tickets.models.gate.approval_state import COUNTS, DID, STATES, states
from tickets.pages.actions.action import Permissions

LATEST = 20  # decisions shown


@dataclass(frozen=True)
class DecisionRow:
    """One decision. void: why it does not count or stand any more; empty if it does. past: the ticket has
    moved on since; until then it may have counted.
    """

    approval: Approval
    void: str
    past: bool

    @property
    def did(self) -> str:
        return DID[self.approval.decision]

    @property
    def tone(self) -> str:
        return "void" if self.void else "ok" if self.approval.approves else "bad"

    @property
    def icon(self) -> str:
        return "circle-check" if self.approval.approves else "circle-x"


class Approvals:
    """`shown`: the ticket's phase asks for approvals, or people decided about it before."""

    def __init__(self, ticket: Ticket, permissions: Permissions, artifacts: Sequence[Artifact]) -> None:
        self.ticket = ticket
        self.permissions = permissions
        self.artifacts = artifacts

    @property
    def asked(self) -> dict[str, Any] | None:
        return self.ticket.asks_for_approvals

    @property
    def shown(self) -> bool:
        return bool(self.asked or (self._ever_asked and self.rows))

    @property
    def _ever_asked(self) -> bool:
        return any(phase.approvals for phase in self.ticket.plan.phases)

    @cached_property
    def rows(self) -> list[DecisionRow]:
        """The latest decisions, newest first."""
        return self._latest_and_counting[:LATEST]

    @property
    def earlier(self) -> int:
        """How many decisions are not shown."""
        return max(0, len(self._states) - LATEST)

    @cached_property
    def count(self) -> int:
        """How many people approve what it shows now."""
        counting = [row for row in self._latest_and_counting if row.approval.approves and not row.void]
        return len({row.approval.user_id for row in counting})

    @cached_property
    def _states(self) -> dict[int, str]:
        return states(self.ticket.pk, self.ticket.phase)

    @cached_property
    def _latest_and_counting(self) -> list[DecisionRow]:
        """The latest decisions and all approvals that count, newest first."""
        now = self._states
        ids = {*sorted(now)[-LATEST:], *(pk for pk, state in now.items() if state == COUNTS)}
        return [
            DecisionRow(approval, STATES[now[approval.pk]], now[approval.pk] == "moved")
            for approval in self.ticket.approvals.filter(pk__in=ids).order_by("-pk")
        ]

    @property
    def enough(self) -> bool:
        return bool(self.asked and self.count >= self.asked["count"])

    @property
    def wanted(self) -> str:
        """What is asked for, in words."""
        if not self.asked:
            return "This phase asks for no approval."
        count, role = self.asked["count"], self.asked["role"]
        who = f"{humanize.who(role)} must" if count == 1 else f"{count} people with the role {role} must"
        return f"{who[:1].upper()}{who[1:]} approve what the ticket shows before it goes on."

    @property
    def asks_by(self) -> str:
        """Who must not approve, if this person is one of them."""
        own = self.permissions.standing
        return "You worked on this, so somebody else must approve it." if own and own["barred"] else ""

    @property
    def would_be_self(self) -> bool:
        """Whether an approval of this person would be marked as self-approved."""
        own = self.permissions.standing
        return bool(own and own["able"] and own["author"] and not own["barred"])
