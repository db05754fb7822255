"""ContextNote: a decision, a risk or a note that somebody adds to a phase of a ticket.

Work in that phase and in all later ones gets it with its brief. It is not changed or deleted: it is
withdrawn, and stays visible as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

from agents.models import Actor, Agent, label, rights, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import Invalid, NotFound, OmoiError
from omoi_site.redaction import redact_text
from tickets.models.claim.fence import claims_now, lost
from tickets.models.context.content import KINDS, TEXT
from tickets.models.context.phase_context import Handover, PhaseContext
from tickets.models.gate.artifact import HELD_IN
from tickets.models.ticket.fields import TicketFields, named

STANDING = 500  # notes of one phase
AT_ONCE = 100


class TooManyNotes(OmoiError):
    """The phase has as many notes as it may have."""

    code = "too_many_notes"
    title = "This phase has too many notes"


class ContextNoteQuerySet(models.QuerySet["ContextNote"]):
    def standing(self) -> ContextNoteQuerySet:
        return self.filter(withdrawn_at__isnull=True)

    def add(
        self,
        ticket: TicketFields,
        phase: str,
        texts: Mapping[str, Sequence[str]],
        *,
        by: Actor,
        claim: tuple[int, int] | None = None,
    ) -> list[ContextNote]:
        """Add notes by kind to a phase, the ticket's own if `phase` is empty; returns them in order. One with
        the same text that stands already is returned as it is.

        claim: the task and fence under which an agent adds them; a former holder is refused with ClaimLost.
        """
        rights.require_scope(by, "work" if claim else "tickets:write", ticket.project)
        new = [(kind, _text_of(kind, text)) for kind, items in texts.items() for text in items]
        if not new:
            raise Invalid("write a decision, a risk or a note", field="notes")
        if len(new) > AT_ONCE:
            raise Invalid(f"at most {AT_ONCE} can be added at once; there are {len(new)}", field="notes")
        return self._add(ticket, named(phase), new, by=by, claim=claim)

    @sql.atomic
    def _add(
        self,
        ticket: TicketFields,
        phase: str,
        new: Sequence[tuple[str, str]],
        *,
        by: Actor,
        claim: tuple[int, int] | None,
    ) -> list[ContextNote]:
        rights.require(by, "work" if claim else "tickets:write", ticket.project)
        row = ticket.lock_in_order([ticket.pk])[ticket.pk]
        if claim:
            _expect_held(row, claim, by)
        phase = phase or row.plan.works_in(row.effective_phase)
        if phase not in row.plan:
            raise Invalid(f"{phase} is not a phase of {row.workflow}", field="phase")
        standing = {
            (note.kind, note.text): note for note in self.standing().filter(ticket_id=row.pk, phase=phase)
        }
        notes, added = [], []
        for kind, text in new:
            if not (note := standing.get((kind, text))):
                note = standing[kind, text] = self.model(
                    ticket=row,
                    phase=phase,
                    kind=kind,
                    text=text,
                    task_id=claim and claim[0],
                    by=label(by),
                    key=via(by),
                )
                added.append(note)
            notes.append(note)
        if len(standing) > STANDING:
            raise TooManyNotes(
                f"{phase} of {row.key} can have {STANDING} notes, and would have {len(standing)}",
                next_action="Withdraw some that no longer hold.",
            )
        if added:
            self.bulk_create(added)
            for note in added:
                note.record("context.noted", row, by=by)
            hand_over_notes(row, phase, why=PhaseContext.Why.NOTED, by=by)
        return notes

    @sql.atomic
    def withdraw(self, ticket: TicketFields, pk: int, *, by: Actor, reason: str = "") -> ContextNote:
        """Let a note no longer hold. Withdrawing it again changes nothing."""
        reason = field_limits.reason(reason)
        rights.require(by, "tickets:write", ticket.project)
        row = ticket.lock_in_order([ticket.pk])[ticket.pk]
        note = self.filter(ticket=row, pk=pk).first()
        if note is None:
            raise NotFound(f"{row.key} has no note {pk}")
        if note.withdrawn_at is None:
            self.filter(pk=note.pk).update(
                withdrawn_at=sql.ClockTimestamp(), withdrawn_by=label(by), withdrawn_reason=reason
            )
            note.refresh_from_db()
            note.record("context.note_withdrawn", row, by=by, reason=reason)
            hand_over_notes(row, note.phase, why=PhaseContext.Why.WITHDRAWN, by=by)
        return note


class ContextNote(models.Model):
    application_privileges = NO_DELETE

    class Kind(models.TextChoices):
        DECISION = "decision"
        RISK = "risk"
        NOTE = "note"

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="context_notes", db_index=False)
    phase = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind)
    text = field_limits.written(TEXT)
    task = models.ForeignKey(
        "tickets.Task", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=170, blank=True)
    withdrawn_reason = models.CharField(max_length=field_limits.REASON, blank=True)

    objects = ContextNoteQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "id"]
        indexes = [models.Index(fields=["ticket", "phase", "id"], name="context_note_of")]
        constraints = [
            models.UniqueConstraint(
                "ticket",
                "phase",
                "kind",
                models.functions.MD5("text"),
                condition=models.Q(withdrawn_at__isnull=True),
                name="context_note_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["decision", "risk", "note"]), name="context_note_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:60]}"

    def record(self, event: str, ticket: TicketFields, *, by: Actor, reason: str = "") -> None:
        data = {"note": str(self.pk), "phase": self.phase, "kind": self.kind, "text": self.text[:300]}
        ticket.record(event, by=by, reason=reason, data=data)


def hand_over_notes(ticket: TicketFields, phase: str, *, why: str, by: Actor) -> None:
    """After a change of the notes of `phase`, keep its new version if it lies behind the work, and build the
    brief anew. The ticket must be locked.
    """
    left = {phase} if ticket.history.filter(from_phase=phase).exists() else set()
    handover = Handover(ticket.pk, ticket.plan, ticket.effective_phase, ticket.moves, frozenset(left))
    [brief] = PhaseContext.objects.hand_over([handover], why=why, by=by).values()
    # not an edit, so its version stays
    type(ticket)._default_manager.filter(pk=ticket.pk).update(context=brief.context, summary=brief.summary)


def _text_of(kind: str, text: str) -> str:
    text = redact_text(text.replace("\r\n", "\n")).strip()
    if not field_limits.seen(text):
        raise Invalid(f"write the {kind} in words", field=KINDS[kind])
    if len(text) > TEXT:
        raise Invalid(f"at most {TEXT} characters are allowed; there are {len(text)}", field=KINDS[kind])
    return text


def _expect_held(ticket: TicketFields, claim: tuple[int, int], by: Actor) -> None:
    task, fence = claim
    holder = by.pk if isinstance(by, Agent) else None
    if not sql.rows(HELD_IN, {"task": task, "ticket": ticket.pk, "fence": fence, "agent": holder}):
        now: dict[int, Any] = claims_now([task], holder) if ticket.tasks.filter(pk=task).exists() else {}
        raise lost(now.get(task), fence)
