"""Ticket: a piece of work that moves through the phases of its workflow version.

A move is a transition on a locked row; it writes its history row and its event in the same transaction, and a deferred
trigger refuses every change of phase that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models.functions import Now, Upper
from django.utils import timezone

from agents.models import Locking, Project
from omoi_site import limits
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.explain.tickets import Waiting
from tickets.models.gate.verdict import Judging
from tickets.models.ticket import external
from tickets.models.ticket.automation import Advancing
from tickets.models.ticket.bulk_import import Bringing
from tickets.models.ticket.filters import Standing
from tickets.models.ticket.left_phases import FOLLOW_UP
from tickets.models.ticket.link import Link
from tickets.models.ticket.transitions import REASON, BlockedClass, Ground, Moving
from tickets.models.workflow import Workflow

# What the database counts, and what never changes: to write a unique column, even with the same value, locks the row against
# the foreign keys of whoever adds a task.
LEFT_ALONE = {"id", "project", "number", "key", "events", "moves", "previous_phase", "phase_since"}

NAMED = 10  # tickets that are told where one name could mean several


class Priority(models.IntegerChoices):
    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


class TicketQuerySet(Standing["Ticket"], Waiting["Ticket"], Locking["Ticket"], Bringing, Judging, Advancing):
    together = ("project", "workflow")

    def seen_by(self, who: Any) -> TicketQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def named(self, name: str) -> Ticket | None:
        """The ticket of this key, or else the one that had this id where it was imported from, in any case. Raises Invalid naming those it can be."""
        if found := self.filter(key=name.upper()).first():
            return found
        keys = self.exclude(source="").filter(source_id__iexact=name).order_by("id").values_list("key", flat=True)
        among = list(keys[: NAMED + 1]) if name else []
        if len(among) > 1:
            more = " and more" if len(among) > NAMED else ""
            raise Invalid(f"several tickets were imported as {name}: {', '.join(among[:NAMED])}{more}. Name one by its key", field="key")
        return self.get(key=among[0]) if among else None

    @contextmanager
    def held(self, **which: Any) -> Iterator[Ticket]:
        """One ticket under its lock, in one transaction; a move of it may seed tasks."""
        from tickets.models.task.need import Need

        with transaction.atomic():
            before = self.select_related("workflow").filter(**which).first()
            if before and before.plan.seeds_needs:
                Need.objects.lock_graph(before.project_id)  # before any row
            with super().held(**which) as ticket:
                yield ticket

    @sql.atomic
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
        follow_up: Ticket | None = None,
        tasks: Sequence[Any] = (),
        source: str = "",
        source_id: str = "",
        watch: Callable[[int], None] = lambda made: None,
    ) -> Ticket:
        """A new ticket with its tasks (TaskSpec), in its workflow's first phase; born elsewhere only `forced` or `imported`, with a reason.

        `follow_up`: the ticket it continues, mostly one in DONE, which takes no more tasks.

        `watch` is told now and then how many of its tasks are made.
        """
        from tickets.models.task.need import Need

        reason = limits.reason(reason)
        workflow = workflow or Workflow.objects.latest_of(project.workflow)
        plan = workflow.plan
        phase = phase.upper().removeprefix("PHASE_") or plan.start
        if phase not in plan:
            raise Invalid(f"{phase} is not a phase of {workflow}", field="phase")
        if parent and parent.project_id != project.pk:
            raise Invalid(f"{parent.key} is of another project", field="parent")
        if follow_up and follow_up.project_id != project.pk:
            raise Invalid(f"{follow_up.key} is of another project", field="follow_up")
        ground = ground or (Ground.BORN if phase == plan.start else Ground.FORCED)
        if ground == Ground.FORCED:
            reason = limits.reason(reason, REASON, f"a ticket born in {phase} needs a reason of {REASON} characters or more")
        if any(spec.needs for spec in tasks) or plan.seeds_needs:
            Need.objects.lock_graph(project.pk)  # before any row
        number = sql.one(
            "UPDATE agents_project SET tickets_made = tickets_made + 1 WHERE id = %s RETURNING tickets_made, workflow, workflows",
            [project.pk],
        )
        assert number
        workflow.expect_allowed(project.key, number["workflow"], number["workflows"])  # as it is now, under the project's lock
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
        sql.check(ticket, without=["phase", "moves", "previous_phase", "phase_since", "created_at"])
        ticket.save(force_insert=True)
        ticket.note_move(None, phase, ground, by=by, reason=reason)
        ticket.record("ticket.opened", by=by, reason=reason, data={"title": title, "phase": phase})
        if follow_up:
            Link.objects.create(ticket=ticket, other=follow_up, kind=FOLLOW_UP)
        if ground != Ground.IMPORTED:
            ticket.seed(phase, by=by)
        if tasks:
            from tickets.models.task.task import Task

            Task.objects.insert(ticket, tasks, by=by, watch=watch)
        return ticket


class Ticket(Moving):
    project = models.ForeignKey(Project, models.PROTECT, related_name="tickets")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=24, unique=True, editable=False)
    title = models.CharField(max_length=300)
    description = limits.text(500_000, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    labels = ArrayField(models.CharField(max_length=200), default=list, blank=True, **limits.items(100))
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="tickets")
    previous_phase = models.CharField(max_length=60, blank=True, editable=False)
    phase_since = models.DateTimeField(db_default=Now(), editable=False)
    moves = models.PositiveIntegerField(default=0, editable=False, help_text="changes of phase so far; only the database counts it")
    paused = models.BooleanField(default=False, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=limits.REASON, blank=True, editable=False)
    blocked_class = models.CharField(max_length=20, choices=BlockedClass, blank=True, editable=False)
    blocked_reason = limits.text(limits.REASON, blank=True, editable=False)
    move_fault = models.TextField(default="", db_default="", blank=True, editable=False, help_text="why it could not move on by itself")
    move_fault_at = models.DateTimeField(null=True, blank=True, editable=False)
    context = models.JSONField(default=dict, blank=True)
    summary = models.TextField(blank=True)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    source = models.CharField(max_length=20, blank=True, editable=False, help_text="the format it was imported from")
    source_id = models.CharField(max_length=200, blank=True, editable=False)
    external_ref = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        editable=False,
        validators=[limits.shown],
        help_text="what it is called elsewhere",
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "phase"], name="ticket_board"),
            models.Index(Upper("source_id"), name="ticket_source_id", condition=~models.Q(source="")),
        ]
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
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()

    @property
    def external_address(self) -> str:
        """Where its external reference leads; empty where that is no address."""
        return external.address(self.external_ref)

    def pause(self, *, by: Any, reason: str = "") -> None:
        """Grant none of its tasks until it is resumed; running claims go on."""
        if not self.paused:
            self.paused, self.paused_at, self.pause_reason = True, timezone.now(), limits.reason(reason)
            self.record("ticket.paused", by=by, reason=reason)
            self.hold_tasks()

    def resume(self, *, by: Any, reason: str = "") -> None:
        if self.paused:
            self.paused, self.paused_at, self.pause_reason = False, None, ""
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
            from tickets.models.task.task import Task

            Task.objects.reprioritise(self.pk, before["priority"], self.priority, by=by)

    def hold_tasks(self) -> None:
        """Hold the tasks that may not be claimed where the ticket stands now, and free the others."""
        from tickets.models.task.task import Task

        Task.objects.hold(self)
