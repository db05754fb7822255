"""Ticket: a piece of work that moves through the phases of its workflow version.

A move is a transition on a locked row; it writes its history row and its event in the same transaction, and a deferred
trigger refuses every change of phase that has none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import OperationalError, connection, models
from django.db.models.functions import Now
from django.utils import timezone
from django_fsm import RETURN_VALUE, FSMField, FSMModelMixin, transition

from agents.models import Locking, Project, Versioned, label, via
from omoi_site import broker, db
from omoi_site.errors import Invalid, OmoiError
from tickets.models.bringing import Bringing
from tickets.models.history import PhaseMove
from tickets.models.standing import Standing
from tickets.models.standstill import AUTOMATIC, Waiting
from tickets.models.workflow import Workflow
from tickets.workflow import BLOCKED, CANCELLED, Plan

log = logging.getLogger(__name__)

Ground = PhaseMove.Ground
# What the database counts, and what never changes: to write a unique column, even with the same value, locks the row against
# the foreign keys of whoever adds a task.
LEFT_ALONE = {"id", "project", "number", "key", "events", "moves", "previous_phase", "phase_since"}
REASON = 10  # characters a forced act must give at least


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


class TicketQuerySet(Standing["Ticket"], Waiting["Ticket"], Locking["Ticket"], Bringing):
    together = ("project", "workflow")

    def seen_by(self, who: Any) -> TicketQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    @db.atomic
    def open(
        self,
        *,
        project: Project,
        title: str,
        by: Any,
        description: str = "",
        priority: int = Priority.MEDIUM,
        labels: Sequence[str] = (),
        workflow: Workflow | None = None,
        phase: str = "",
        ground: str = "",
        reason: str = "",
        parent: Ticket | None = None,
        tasks: Sequence[Any] = (),
        source: str = "",
        source_id: str = "",
    ) -> Ticket:
        """A new ticket with its tasks (TaskSpec), in its workflow's first phase; born elsewhere only `forced` or `imported`, with a reason."""
        from tickets.models.need import Need

        workflow = workflow or Workflow.objects.latest_of(project.workflow)
        plan = workflow.plan
        phase = phase.upper().removeprefix("PHASE_") or plan.start
        if phase not in plan:
            raise Invalid(f"{phase} is not a phase of {workflow}", field="phase")
        if parent and parent.project_id != project.pk:
            raise Invalid(f"{parent.key} is of another project", field="parent")
        ground = ground or (Ground.BORN if phase == plan.start else Ground.FORCED)
        if ground == Ground.FORCED:
            _weighty(reason, f"a ticket born in {phase} needs a reason of {REASON} characters or more")
        if any(spec.needs for spec in tasks):
            Need.objects.lock_graph(project.pk)  # before any row
        number = db.one("UPDATE agents_project SET tickets_made = tickets_made + 1 WHERE id = %s RETURNING tickets_made", [project.pk])
        assert number
        ticket = self.model(
            project=project,
            number=number["tickets_made"],
            key=f"{project.key}-{number['tickets_made']}",
            title=title,
            description=description,
            priority=priority,
            labels=list(labels),
            workflow=workflow,
            phase=phase,
            parent=parent,
            source=source,
            source_id=source_id,
        )
        db.check(ticket, without=["phase", "moves", "previous_phase", "phase_since", "created_at"])
        ticket.save(force_insert=True)
        ticket.note_move(None, phase, ground, by=by, reason=reason)
        ticket.record("ticket.opened", by=by, reason=reason, data={"title": title, "phase": phase})
        if tasks:
            from tickets.models.task import Task

            Task.objects.add(ticket, tasks, by=by)
        return ticket

    def due_to_advance(self) -> models.QuerySet[Ticket]:
        """Tickets whose phase ends by itself and is over: `on_claim` once work of the next phase has begun, `on_completion` when all its tasks ended well."""
        return self.extra(where=[AUTOMATIC])

    def advance_due(self, ids: Sequence[int] | None = None, *, between: tuple[int, int] | None = None, by: Any = "system:workflow") -> int:
        """Make the automatic moves that are due, of these tickets, or of a batch of all or of those with ids `between`; returns how many."""
        waiting = self.due_to_advance()
        if ids is not None:
            waiting = waiting.filter(pk__in=ids)
        if between is not None:
            waiting = waiting.filter(pk__gt=between[0], pk__lte=between[1])
        moved = 0
        for pk in waiting.order_by("id").values_list("pk", flat=True)[:200]:
            try:
                while self.due_to_advance().filter(pk=pk).exists() and self._advance_one(pk, by):
                    moved += 1
            except (OmoiError, OperationalError):  # one ticket must not stand in the way of the others
                if connection.connection is None or connection.connection.broken:
                    raise
                log.exception("an automatic move failed", extra={"ticket": pk})
        return moved

    @db.atomic
    def _advance_one(self, pk: int, by: Any) -> bool:
        with self.locked(pk=pk) as ticket:
            due = self.due_to_advance().filter(pk=pk).exists()  # asked again under the lock
            if due:
                ticket.advance(by=by)
        return due


class Ticket(FSMModelMixin, Versioned):
    project = models.ForeignKey(Project, models.PROTECT, related_name="tickets")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=24, unique=True, editable=False)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    labels = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="tickets")
    phase = FSMField(max_length=60, protected=True)
    previous_phase = models.CharField(max_length=60, blank=True, editable=False)
    phase_since = models.DateTimeField(db_default=Now(), editable=False)
    moves = models.PositiveIntegerField(default=0, editable=False, help_text="changes of phase so far; only the database counts it")
    paused = models.BooleanField(default=False, editable=False)
    pause_reason = models.CharField(max_length=500, blank=True, editable=False)
    blocked_class = models.CharField(max_length=20, choices=BlockedClass, blank=True, editable=False)
    blocked_reason = models.TextField(blank=True, editable=False)
    context = models.JSONField(default=dict, blank=True)
    summary = models.TextField(blank=True)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    source = models.CharField(max_length=20, blank=True, editable=False, help_text="the format it was imported from")
    source_id = models.CharField(max_length=200, blank=True, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "phase"], name="ticket_board")]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="ticket_number"),
            models.UniqueConstraint(fields=["project", "source", "source_id"], condition=~models.Q(source=""), name="ticket_source"),
            models.CheckConstraint(condition=models.Q(priority__range=(0, 3)), name="ticket_priority"),
        ]

    def __str__(self) -> str:
        return self.key

    def save(self, **kwargs: Any) -> None:
        # what the database counts must not be written over with what this copy remembers
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [field.name for field in self._meta.concrete_fields if field.name not in LEFT_ALONE]
        super().save(**kwargs)

    @property
    def topic(self) -> str:
        return f"ticket:{self.key}"

    @property
    def project_for_journal(self) -> int:
        return self.project_id

    @property
    def plan(self) -> Plan:
        return self.workflow.plan

    @property
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()

    @property
    def done(self) -> bool:
        return self.phase in self.plan and self.plan[self.phase].terminal

    @property
    def closed(self) -> bool:
        return self.done or self.phase == CANCELLED

    # -- moves: each runs on a row from `locked()`

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def advance(self, to: str | None = None, *, by: Any, reason: str = "") -> str:
        """Go on to `to`, or to the next phase; no open task of the present phase may be left."""
        to = to or self._next()
        if self.phase not in self.plan or to not in self.plan[self.phase].to or not self._later(to):
            raise TransitionNotAllowed(
                f"{self.key} cannot advance from {self.phase} to {to}; allowed: {', '.join(self._onward()) or 'nothing'}"
            )
        left = self.tasks.open().filter(phase=self.phase).count()
        if left:
            raise TransitionNotAllowed(f"{left} tasks of {self.phase} are still open", next_action="complete or cancel them first")
        return self._move(to, Ground.UNGATED, by=by, reason=reason)

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def send_back(self, to: str, *, by: Any, reason: str) -> str:
        """Go back to an earlier phase; pending tasks of the left phase are held and its claims revoked."""
        if self.phase not in self.plan or to not in self.plan or self._later(to) or to == self.phase or self.done:
            raise TransitionNotAllowed(f"{self.key} cannot go back from {self.phase} to {to}")
        reason = _given(reason, "say why it goes back")
        self._take_claims_back(by)
        return self._move(to, Ground.BACK, by=by, reason=reason)

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def block(self, *, by: Any, reason: str, cause: str = BlockedClass.DEPENDENCY) -> str:
        """Stop granting its tasks; running claims go on."""
        if self.phase not in self.plan or self.done:
            raise TransitionNotAllowed(f"{self.key} stands in {self.phase} and cannot be blocked")
        if cause not in BlockedClass.values:
            raise Invalid(f"one of {', '.join(BlockedClass.values)}", field="class")
        self.blocked_class, self.blocked_reason = cause, _given(reason, "say what blocks it")
        return self._move(BLOCKED, Ground.BLOCKED, by=by, reason=self.blocked_reason)

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def unblock(self, to: str | None = None, *, by: Any, reason: str = "") -> str:
        """Return to the phase it was blocked in, or to an earlier one."""
        return self._return(BLOCKED, to, Ground.UNBLOCKED, by=by, reason=reason)

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def cancel(self, *, by: Any, reason: str) -> str:
        """Give it up: all its open tasks are cancelled with it."""
        if self.closed:
            raise TransitionNotAllowed(f"{self.key} stands in {self.phase} and cannot be cancelled")
        reason = _given(reason, "say why it is cancelled")
        self.tasks.open().cancel(by=by, reason=f"ticket cancelled: {reason}")
        return self._move(CANCELLED, Ground.CANCELLED, by=by, reason=reason)

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def reopen(self, to: str | None = None, *, by: Any, reason: str) -> str:
        """Return from CANCELLED to the phase it was cancelled in, or to an earlier one; its tasks stay as they are."""
        return self._return(CANCELLED, to, Ground.REOPENED, by=by, reason=_given(reason, "say why it is reopened"))

    @transition(field=phase, source="*", target=RETURN_VALUE())
    def force(self, to: str, *, by: Any, reason: str) -> str:
        """Put it into any phase of its workflow, past gates and order; the caller has the right to, and the reason stays visible."""
        if to not in self.plan or to == self.phase or self.closed:
            raise TransitionNotAllowed(f"{self.key} stands in {self.phase} and cannot be forced to {to}")
        _weighty(reason, f"a forced move needs a reason of {REASON} characters or more")
        self._take_claims_back(by)
        return self._move(to, Ground.FORCED, by=by, reason=reason)

    def go(self, to: str, *, by: Any, reason: str = "", cause: str = BlockedClass.DEPENDENCY, force: bool = False) -> None:
        """The move that leads to `to`, by whatever name it has."""
        to = to.upper().removeprefix("PHASE_")
        if to not in self.plan and to not in (BLOCKED, CANCELLED):
            raise Invalid(f"{to} is not a phase of {self.workflow}", field="to")
        if force:
            self.force(to, by=by, reason=reason)
        elif to == BLOCKED:
            self.block(by=by, reason=reason, cause=cause)
        elif to == CANCELLED:
            self.cancel(by=by, reason=reason)
        elif self.phase == BLOCKED:
            self.unblock(to, by=by, reason=reason)
        elif self.phase == CANCELLED:
            self.reopen(to, by=by, reason=reason)
        elif self._later(to):
            self.advance(to, by=by, reason=reason)
        else:
            self.send_back(to, by=by, reason=reason)

    def pause(self, *, by: Any, reason: str = "") -> None:
        """Grant none of its tasks until it is resumed; running claims go on."""
        if not self.paused:
            self.paused, self.pause_reason = True, reason
            self.record("ticket.paused", by=by, reason=reason)
            self.hold_tasks()

    def resume(self, *, by: Any, reason: str = "") -> None:
        if self.paused:
            self.paused, self.pause_reason = False, ""
            self.record("ticket.resumed", by=by, reason=reason)
            self.hold_tasks()

    def archive(self, *, by: Any, reason: str = "") -> None:
        """Put it out of sight; none of its tasks is granted while it is there."""
        if not self.archived_at:
            self.archived_at = timezone.now()
            self.record("ticket.archived", by=by, reason=reason)
            self.hold_tasks()

    def restore(self, *, by: Any, reason: str = "") -> None:
        if self.archived_at:
            self.archived_at = None
            self.record("ticket.restored", by=by, reason=reason)
            self.hold_tasks()

    def edit(
        self,
        *,
        by: Any,
        version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        priority: int | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Change what is given; open tasks that had the ticket's priority take the new one."""
        asked = {"title": title, "description": description, "priority": priority, "labels": None if labels is None else list(labels)}
        before = self.change("ticket.edited", {field: value for field, value in asked.items() if value is not None}, by=by, version=version)
        if "priority" in before:
            from tickets.models.task import Task

            Task.objects.reprioritise(self.pk, before["priority"], self.priority, by=by)

    # -- what the moves share

    @property
    def origin(self) -> str:
        """The phase a BLOCKED or CANCELLED ticket came from, told by history."""
        for move in self.history.order_by("-move"):
            if move.to_phase not in (BLOCKED, CANCELLED):
                return move.to_phase
        raise TransitionNotAllowed(f"{self.key} has no phase to return to")

    def note_move(self, before: str | None, after: str, ground: str, *, by: Any, reason: str = "") -> None:
        """The history row the trigger demands; `moves` is counted by the database when the phase is saved."""
        move = 0 if before is None else self.moves + 1
        self.history.create(move=move, from_phase=before, to_phase=after, ground=ground, reason=reason, by=label(by), key=via(by))

    def hold_tasks(self) -> None:
        """Hold the tasks that may not be claimed where the ticket stands now, and free the others."""
        from tickets.models.task import Task

        Task.objects.hold(self)

    def _next(self) -> str:
        return (self.plan.after(self.phase) if self.phase in self.plan else None) or ""

    def _onward(self) -> list[str]:
        return [to for to in self.plan[self.phase].to if self._later(to)] if self.phase in self.plan else []

    def _later(self, to: str) -> bool:
        return self.phase in self.plan and to in self.plan and self.plan[to].position > self.plan[self.phase].position

    def _take_claims_back(self, by: Any) -> None:
        """Nobody goes on with the phase that is left; while BLOCKED that is the one it was blocked in, whose claims ran on."""
        self.tasks.filter(phase=self.origin if self.phase == BLOCKED else self.phase).revoke(by=by)

    def _return(self, standing: str, to: str | None, ground: str, *, by: Any, reason: str) -> str:
        if self.phase != standing:
            raise TransitionNotAllowed(f"{self.key} stands in {self.phase}, not in {standing}")
        origin = self.origin
        to = to or origin
        if to not in self.plan or self.plan[to].position > self.plan[origin].position:
            raise TransitionNotAllowed(f"{self.key} came from {origin} and can return only there or to an earlier phase")
        if to != origin:
            self._take_claims_back(by)
        return self._move(to, ground, by=by, reason=reason)

    def _move(self, to: str, ground: str, *, by: Any, reason: str) -> str:
        before = self.phase
        self.note_move(before, to, ground, by=by, reason=reason)
        if to != BLOCKED:
            self.blocked_class = self.blocked_reason = ""
        self.record("ticket.moved", by=by, reason=reason, data={"from": before, "to": to, "ground": ground})
        from tickets.models.task import Task

        Task.objects.hold(self, phase=to)
        if to in self.plan and self.plan[to].automatic:
            broker.hint("advance_tickets", [self.pk])
        return to


def _given(reason: str, why: str) -> str:
    if not reason.strip():
        raise Invalid(why, field="reason")
    return reason.strip()


def _weighty(reason: str, why: str) -> None:
    if len(reason.strip()) < REASON:
        raise Invalid(why, field="reason")
