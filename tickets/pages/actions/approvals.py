"""Actions on what a ticket shows: approve it, request changes, reject it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from agents.models import Event
from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models import Approval
from tickets.models.gate.approval import DECIDE, Decision
from tickets.pages.actions.action import TicketAction

MOST = 5  # artifacts named one by one


class Decide(TicketAction):
    """It applies to the evidence whose digest is `state`: what the page or the dialog showed."""

    decision: ClassVar[Decision]
    done: ClassVar[str]

    @property
    def scope(self) -> str:
        return DECIDE

    @property
    def available(self) -> bool:
        return bool(self.ticket.asks_for_approvals and not self.ticket.archived_at)

    @property
    def standing(self) -> dict[str, Any]:
        return self.permissions.standing or {"seen": "", "able": False, "barred": False}

    @property
    def state(self) -> str:
        return str(self.standing["seen"])

    @property
    def denied(self) -> str:
        if self.permitted and self.standing["able"]:
            return ""
        role = self.standing["approvals"]["role"] if self.available else "approver"
        return f"You need the role of {humanize.who(role)} in this project"

    @property
    def effects(self) -> Sequence[str]:
        """What the decision is about, since it may have changed since the page was shown."""
        artifacts = list(self.ticket.artifacts.current())
        named = [f"{artifact.name} r{artifact.revision}" for artifact in artifacts[:MOST]]
        more = [f"{len(artifacts) - MOST} more"] if len(artifacts) > MOST else []
        done = self.ticket.tasks.filter(phase=self.ticket.phase, state="completed").count()
        about = [*named, *more, *([f"{counted(done, 'task')} done"] if done else [])]
        return [f"You are deciding about: {', '.join(about) or 'the ticket itself; nothing was submitted'}."]

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(topic=self.ticket.topic).order_by("-xid", "-id")
        return events.exclude(kind__in=["approval.refused", "gate.judged"]).first()

    def do(self, values: dict[str, Any]) -> str:
        how = {"seen": values["state"], "reason": values.get("reason", "")}
        Approval.objects.decide(self.ticket.pk, self.decision, by=self.by, **how)
        return f"{self.ticket.key}: {self.done}"


class Approve(Decide):
    name = "approve"
    label = "Approve"
    icon = "circle-check"
    event = "approval.given"
    reason_label = ""
    direct = True
    decision = Decision.APPROVE
    done = "you approved it"

    @property
    def denied(self) -> str:
        if not super().denied and self.standing["barred"]:
            return "You worked on this, so somebody else must approve it"
        return super().denied


class RequestChanges(Decide):
    name = "request-changes"
    label = "Request changes"
    icon = "rotate-ccw"
    event = "approval.changes_requested"
    reason_label = "What to change"
    needs_reason = True
    decision = Decision.REQUEST_CHANGES
    done = "you requested changes"


class Reject(Decide):
    name = "reject"
    label = "Reject"
    icon = "ban"
    event = "approval.rejected"
    needs_reason = True
    decision = Decision.REJECT
    done = "you rejected it"
