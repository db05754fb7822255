"""TicketFields: the columns of a ticket, and properties derived from them and its workflow.

Its moves are in `transitions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, FSMModelMixin

from agents.models import Project, Versioned
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.errors import OmoiError
from tickets.models.ticket import external_reference
from tickets.models.workflow import Workflow
from tickets.workflows.blocked_class import BlockedClass as BlockedClass
from tickets.workflows.document import BLOCKED, CANCELLED, Plan

# Columns that only the database counts, or that never change. Writing a unique column, even with the same
# value, would block transactions that add a task, because of its foreign key.
LEFT_ALONE = {
    *("id", "project", "number", "key", "events", "moves", "previous_phase", "phase_since"),
    *("refusals", "refused_at", "workflow_changes", "text_changes"),
}


class TransitionNotAllowed(OmoiError):
    """The workflow does not allow this move from the ticket's phase."""

    code = "transition_not_allowed"
    title = "This move is not possible"


class Priority(models.IntegerChoices):
    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


def priority_name(column: str) -> str:
    """SQL: the name of the priority in this column, as REST clients know it."""
    cases = "".join(f" WHEN {priority.value} THEN '{priority.name.lower()}'" for priority in Priority)
    return f"CASE {column}{cases} END"


class TicketFields(FSMModelMixin, Versioned):
    phase = FSMField(max_length=60, protected=True)
    project = models.ForeignKey(Project, models.PROTECT, related_name="tickets")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=24, unique=True, editable=False)
    title = models.CharField(max_length=300, validators=[field_limits.not_blank])
    description = field_limits.text(500_000, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    labels = ArrayField(
        models.CharField(max_length=200, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        **field_limits.items(100),
    )
    workflow = models.ForeignKey(
        Workflow, models.PROTECT, related_name="tickets", db_index=False
    )  # the index `ticket_workflow` begins with it
    workflow_changes = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="how often it changed its workflow version; only the database counts it",
    )
    text_changes = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="changes of its title, description and criteria; only the database counts them",
    )
    previous_phase = models.CharField(max_length=60, blank=True, editable=False)
    phase_since = models.DateTimeField(db_default=Now(), editable=False)
    moves = models.PositiveIntegerField(
        default=0, editable=False, help_text="number of changes of phase; only the database counts it"
    )
    paused = models.BooleanField(default=False, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=field_limits.REASON, blank=True, editable=False)
    blocked_class = models.CharField(max_length=20, choices=BlockedClass, blank=True, editable=False)
    blocked_reason = field_limits.text(field_limits.REASON, blank=True, editable=False)
    feedback = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        editable=False,
        help_text="why it came back to an earlier phase, newest first; made by `feedback.attach`",
    )
    move_fault = models.TextField(
        default="", db_default="", blank=True, editable=False, help_text="why it could not move on by itself"
    )
    move_fault_at = models.DateTimeField(null=True, blank=True, editable=False)
    acceptance = models.JSONField(
        default=list, db_default=[], blank=True
    )  # each {text, evidence}; see `acceptance.py`
    refusals = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="how often the gate refused it since it entered its phase or last passed; only the database"
        " counts it",
    )
    refused_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the gate refused it for the second time"
    )
    context = models.JSONField(default=dict, blank=True)
    summary = models.TextField(blank=True)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    source = models.CharField(
        max_length=20, blank=True, editable=False, help_text="the format it was imported from"
    )
    source_id = models.CharField(max_length=200, blank=True, editable=False)
    external_ref = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        editable=False,
        validators=[field_limits.shown],
        help_text="its reference in another tool",
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    # reverse relations, and what the combined class adds
    tasks: Any
    history: Any
    artifacts: Any
    verdicts: Any
    discoveries: Any
    criteria: Any
    check_runs: Any

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key

    def save(self, **kwargs: Any) -> None:
        # do not overwrite the database's counters with the values of this copy
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [
                field.name for field in self._meta.concrete_fields if field.name not in LEFT_ALONE
            ]
        super().save(**kwargs)

    @property
    def topic(self) -> str:
        return f"ticket:{self.key}"

    @property
    def project_for_journal(self) -> int:
        return self.project_id

    @property
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()

    @property
    def external_address(self) -> str:
        """Its external reference as an address; empty if it is not one."""
        return external_reference.address(self.external_ref)

    @property
    def plan(self) -> Plan:
        return self.workflow.plan

    @property
    def gated(self) -> bool:
        return self.phase in self.plan and bool(self.plan[self.phase].gate)

    @property
    def asks_for_approvals(self) -> dict[str, Any] | None:
        """{count, role, self?, expires_s?}; None if its phase asks for none."""
        return self.plan[self.phase].approvals if self.phase in self.plan else None

    @property
    def done(self) -> bool:
        return self.phase in self.plan and self.plan[self.phase].terminal

    @property
    def closed(self) -> bool:
        return self.done or self.phase == CANCELLED

    @property
    def effective_phase(self) -> str:
        """Its phase; for BLOCKED or CANCELLED, the phase it came from."""
        return self.phase if self.phase in self.plan else self.origin

    @property
    def origin(self) -> str:
        """The phase that a BLOCKED or CANCELLED ticket came from, read from its history."""
        for move in self.history.order_by("-move"):
            if move.to_phase not in (BLOCKED, CANCELLED):
                return move.to_phase
        raise TransitionNotAllowed(f"{self.key} has no phase to return to")

    def is_later(self, to: str) -> bool:
        """Whether `to` is a later phase than its own."""
        to = named(to)
        return (
            self.phase in self.plan
            and to in self.plan
            and self.plan[to].position > self.plan[self.phase].position
        )

    def hint_advance(self) -> None:
        """After a change of its evidence or tasks, ask a worker to look whether it moves on by itself, and
        for work that it does not hold any more.
        """
        if self.phase not in self.plan:
            return
        if self.plan[self.phase].automatic == "on_completion":
            hints.send("advance_tickets", [self.pk])
        if "oldest_s" in (self.plan[self.phase].wip or {}):
            hints.send("work")

    @classmethod
    def lock_in_order(cls, ids: Iterable[int]) -> dict[int, Self]:
        """Lock these tickets in id order.

        Moves wait for us and we for them, so the evidence of a verdict does not change while it is used.
        """
        rows = cls._default_manager.select_for_update(no_key=True, of=("self",)).select_related("workflow")
        return {row.pk: row for row in rows.filter(pk__in=ids).order_by("pk")}


def named(phase: str) -> str:
    """The name of a phase from other spellings: "In review", PHASE_IN_REVIEW."""
    return phase.upper().removeprefix("PHASE_").replace(" ", "_")
