"""TicketFields: what is stored of a ticket, and what can be told of it from that and its workflow.

Its moves stand in `transitions`.
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
from tickets.workflows.document import BLOCKED, CANCELLED, Plan

# What the database counts, and what never changes: to write a unique column, even with the same value, locks
# the row against the foreign keys of whoever adds a task.
LEFT_ALONE = {"id", "project", "number", "key", "events", "moves", "previous_phase", "phase_since"}


class TransitionNotAllowed(OmoiError):
    """The workflow has no such move from where the ticket stands."""

    code = "transition_not_allowed"
    title = "The ticket cannot go there"


class Priority(models.IntegerChoices):
    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


class BlockedClass(models.TextChoices):
    DEPENDENCY = "dependency"
    CLARIFICATION = "clarification"
    FAILING_CHECKS = "failing_checks"
    ENVIRONMENT = "environment"


class TicketFields(FSMModelMixin, Versioned):
    phase = FSMField(max_length=60, protected=True)
    project = models.ForeignKey(Project, models.PROTECT, related_name="tickets")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=24, unique=True, editable=False)
    title = models.CharField(max_length=300)
    description = field_limits.text(500_000, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    labels = ArrayField(models.CharField(max_length=200), default=list, blank=True, **field_limits.items(100))
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="tickets")
    previous_phase = models.CharField(max_length=60, blank=True, editable=False)
    phase_since = models.DateTimeField(db_default=Now(), editable=False)
    moves = models.PositiveIntegerField(
        default=0, editable=False, help_text="changes of phase so far; only the database counts it"
    )
    paused = models.BooleanField(default=False, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=field_limits.REASON, blank=True, editable=False)
    blocked_class = models.CharField(max_length=20, choices=BlockedClass, blank=True, editable=False)
    blocked_reason = field_limits.text(field_limits.REASON, blank=True, editable=False)
    move_fault = models.TextField(
        default="", db_default="", blank=True, editable=False, help_text="why it could not move on by itself"
    )
    move_fault_at = models.DateTimeField(null=True, blank=True, editable=False)
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
        help_text="what it is called elsewhere",
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    # reverse relations, and what the composed class adds
    tasks: Any
    history: Any
    artifacts: Any
    verdicts: Any

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key

    def save(self, **kwargs: Any) -> None:
        # what the database counts must not be written over with what this copy remembers
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
        """Where its external reference leads; empty where that is no address."""
        return external_reference.address(self.external_ref)

    @property
    def plan(self) -> Plan:
        return self.workflow.plan

    @property
    def gated(self) -> bool:
        return self.phase in self.plan and bool(self.plan[self.phase].gate)

    @property
    def done(self) -> bool:
        return self.phase in self.plan and self.plan[self.phase].terminal

    @property
    def closed(self) -> bool:
        return self.done or self.phase == CANCELLED

    @property
    def effective_phase(self) -> str:
        """The phase it stands in, or while BLOCKED or CANCELLED the one it came from."""
        return self.phase if self.phase in self.plan else self.origin

    @property
    def origin(self) -> str:
        """The phase a BLOCKED or CANCELLED ticket came from, told by history."""
        for move in self.history.order_by("-move"):
            if move.to_phase not in (BLOCKED, CANCELLED):
                return move.to_phase
        raise TransitionNotAllowed(f"{self.key} has no phase to return to")

    def is_later(self, to: str) -> bool:
        """Whether `to` lies behind the phase it stands in."""
        to = named(to)
        return (
            self.phase in self.plan
            and to in self.plan
            and self.plan[to].position > self.plan[self.phase].position
        )

    def hint_advance(self) -> None:
        """Something it is judged by changed: ask whether it moves on by itself now."""
        if self.phase in self.plan and self.plan[self.phase].automatic == "on_completion":
            hints.send("advance_tickets", [self.pk])

    @classmethod
    def lock_in_order(cls, ids: Iterable[int]) -> dict[int, Self]:
        """These tickets under their locks, in the order of their ids.

        Whoever moves one waits for us, and we for them: a verdict is over what is there when it is used.
        """
        rows = cls._default_manager.select_for_update(no_key=True, of=("self",)).select_related("workflow")
        return {row.pk: row for row in rows.filter(pk__in=ids).order_by("pk")}


def named(phase: str) -> str:
    """A phase by its name, as people spell it too: "In review", PHASE_IN_REVIEW."""
    return phase.upper().removeprefix("PHASE_").replace(" ", "_")
