"""Approval: what a person decided about the evidence of a ticket's phase. It never changes.

It is bound to what the person saw. The database works out which decisions count; see
`migrations/sql/approvals.sql`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, models

from agents.models import Actor, rights, via
from agents.models.actor import is_agent, pk_of
from omoi_site import field_limits, humanize
from omoi_site.database import sql
from omoi_site.database.privileges import READ_ONLY
from omoi_site.errors import Forbidden, Invalid, NotFound, OmoiError, VersionConflict
from tickets.models.gate import approval_state
from tickets.models.ticket import failure
from tickets.models.ticket.ticket import Ticket

DECIDE = "gates:decide"
STANDING = sql.statement(__file__, "approval_standing")
STORE = "SELECT * FROM omoi_decide(%s, %s, %s, %s, %s, %s, %s, %s)"


class NoApprovalNeeded(OmoiError):
    """The ticket's phase asks for no approval."""

    code = "no_approval_needed"
    title = "Nothing to approve"


class EvidenceChanged(VersionConflict):
    """What the person saw is not what the ticket holds now."""

    status = 409
    title = "The evidence has changed"
    next_action = "Look at the evidence again (GET …/gate), then decide with its new `evidence`."


class AuthorBarred(Forbidden):
    """Whoever made what would be approved does not approve it."""

    code = "author_barred"
    title = "Authors do not approve their own work"
    next_action = "Ask somebody else with the role to approve it."


class Decision(models.TextChoices):
    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def decide(self, pk: int, decision: str, *, by: Actor, seen: str, reason: str = "") -> Approval:
        """Store what `by`, a person, decides about the ticket's phase. Returns their earlier decision if that
        says the same and still stands.

        seen: the digest of the evidence they saw, the `evidence` of the gate. A refusal is recorded.
        """
        if decision not in Decision.values:
            raise Invalid(f"one of {', '.join(Decision.values)}", field="decision")
        least = int(decision != Decision.APPROVE)
        reason = field_limits.reason(reason, least, "say why, so that the authors know what to change")
        with self._refusal_recorded(pk, decision, by=by):
            return self._decide(pk, decision, by=by, seen=seen, reason=reason)

    @sql.atomic
    def _decide(self, pk: int, decision: str, *, by: Actor, seen: str, reason: str) -> Approval:
        Ticket.objects.before_lock(pk=pk)  # what follows a rejection may add tasks that need each other
        ticket = Ticket.lock_in_order([pk]).get(pk)
        if ticket is None:
            raise NotFound("there is no such ticket")
        rights.require(by, DECIDE, ticket.project)
        if is_agent(by) or pk_of(by) is None:
            raise Forbidden(
                "approvals are given by people",
                next_action="Sign in, or use a person's key. Agents review with the check `agent_review`.",
            )
        ticket.expect_movable()
        now = standing(ticket, by)
        if now is None:
            raise NoApprovalNeeded(
                f"{ticket.key} is in {humanize.phase(ticket.phase)}, which asks for no approval"
            )
        if not now["able"]:
            role = now["approvals"]["role"]
            raise Forbidden(f"this needs the role of {role} in {ticket.project}, which you do not have")
        if decision == Decision.APPROVE and now["barred"]:
            raise AuthorBarred(
                f"you worked on what {ticket.key} shows: another {now['approvals']['role']} must approve"
            )
        if seen != now["seen"]:
            raise EvidenceChanged(
                f"the evidence of {ticket.key} has changed since you looked at it", evidence=now["seen"]
            )
        said = {"decision": decision, "seen": seen, "reason": reason}
        if (
            again := self._counting(ticket, by)
            if decision == Decision.APPROVE
            else self._same(ticket, by, said)
        ):
            return again
        [approval] = self.raw(
            STORE, [pk, ticket.phase, ticket.moves, seen, decision, reason, pk_of(by), via(by)]
        )
        if decision == Decision.APPROVE:
            ticket.hint_advance()
        else:
            failure.follow_rejection(ticket, reason=approval_state.refusal(approval))
        return approval

    def _counting(self, ticket: Ticket, by: Actor) -> Approval | None:
        """The person's approval that counts already."""
        states = approval_state.states(ticket.pk, ticket.phase)
        own = self.filter(ticket=ticket, user=pk_of(by)).order_by("-pk")
        return next((row for row in own if states[row.pk] == approval_state.COUNTS), None)

    def _same(self, ticket: Ticket, by: Actor, said: Mapping[str, str]) -> Approval | None:
        """The person's last decision, if it was this one, in this stay of the ticket in its phase."""
        last = self.filter(ticket=ticket, user=pk_of(by)).order_by("-pk").first()
        here = {"phase": ticket.phase, "move": ticket.moves, "workflow_changes": ticket.workflow_changes}
        wanted = {**here, **said}
        return last if last and all(getattr(last, name) == value for name, value in wanted.items()) else None

    @contextmanager
    def _refusal_recorded(self, pk: int, decision: str, *, by: Actor) -> Iterator[None]:
        """Like `Ticket.objects.record_refusals`, for decisions."""
        try:
            yield
        except OmoiError as refusal:
            refusal.trace = partial(self._record_refusal, pk, decision, refusal, by=by)
            if not connection.in_atomic_block:
                refusal.leave_trace()
            raise

    @sql.atomic
    def _record_refusal(self, pk: int, decision: str, refusal: OmoiError, *, by: Actor) -> None:
        with Ticket.objects.lock(pk=pk) as ticket:
            data = {"phase": ticket.phase, "decision": decision, "code": refusal.code}
            ticket.record("approval.refused", by=by, reason=refusal.message, data=data)


class Approval(models.Model):
    application_privileges = READ_ONLY  # omoi_decide inserts them

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="approvals")
    workflow = models.ForeignKey("tickets.Workflow", models.PROTECT, related_name="+", db_index=False)
    phase = models.CharField(max_length=60)
    move = models.PositiveIntegerField(help_text="how often the ticket had moved")
    workflow_changes = models.PositiveIntegerField(
        db_default=0, help_text="how often the ticket had changed the version of its workflow"
    )
    decision = models.CharField(max_length=20, choices=Decision)
    reason = field_limits.text(field_limits.REASON, blank=True)
    seen = models.CharField(max_length=64, help_text="digest of the evidence that the person saw")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=10, help_text="the person's role in the project at that time")
    self_approved = models.BooleanField(help_text="by an author, because nobody else could approve")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="it counts until then")
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decision="approve")
                | (models.Q(decision__in=["reject", "request_changes"]) & ~models.Q(reason="")),
                name="approval_decision",
            )
        ]

    def __str__(self) -> str:
        return f"{self.by} on {self.phase} of {self.ticket_id}: {self.decision}"

    @property
    def approves(self) -> bool:
        return self.decision == Decision.APPROVE


def standing(ticket: Ticket, who: Any) -> dict[str, Any] | None:
    """What `who` may decide about the ticket now: {seen, role, approvals, able, author, barred}; None where
    its phase asks for no approval.
    """
    read = {"ticket": ticket.pk, "user": pk_of(who), "text_changes": ticket.text_changes}
    return sql.one(STANDING, read)
