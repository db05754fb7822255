"""Ticket: a piece of work that moves through the phases of its workflow version.

A move is a transition on a locked row; it writes its history row and its event in the same transaction, and a
deferred trigger refuses every change of phase that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Upper
from django.utils import timezone

from agents.models import Actor, Project, rights
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.explain import ticket_explanation as explain
from tickets.models.task.intervene import hold
from tickets.models.task.need import Need
from tickets.models.ticket.automation import Moves
from tickets.models.ticket.fields import named
from tickets.models.ticket.link import Link
from tickets.models.ticket.past_phases import FOLLOW_UP
from tickets.models.ticket.ticket_spec import TicketSpec
from tickets.models.ticket.transitions import FORCE, REASON, WRITE, Ground, Transitions
from tickets.models.workflow import Workflow

NEXT_NUMBER = """
UPDATE agents_project SET tickets_made = tickets_made + 1 WHERE id = %s
RETURNING tickets_made, workflow, workflows
"""
NAMED = 10  # tickets listed where one name could mean several


class TicketQuerySet(Moves["Ticket"]):
    together = ("project", "workflow")

    def seen_by(self, who: Actor) -> TicketQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def named(self, name: str) -> Ticket | None:
        """The ticket of this key, or else the one that had this id where it was imported from, in any case.

        Raises Invalid naming those it can be.
        """
        if ticket := self.filter(key=name.upper()).first():
            return ticket
        keys = (
            self.exclude(source="")
            .filter(source_id__iexact=name)
            .order_by("id")
            .values_list("key", flat=True)
        )
        among = list(keys[: NAMED + 1]) if name else []
        if len(among) > 1:
            more = " and more" if len(among) > NAMED else ""
            raise Invalid(
                f"several tickets were imported as {name}: {', '.join(among[:NAMED])}{more}."
                " Name one by its key",
                field="key",
            )
        return self.get(key=among[0]) if among else None

    @contextmanager
    def lock(self, **which: Any) -> Iterator[Ticket]:
        """One ticket under its lock, in one transaction; a move of it may seed tasks."""
        with transaction.atomic():
            before = self.select_related("workflow").filter(**which).first()
            if before and before.plan.seeds_needs:
                Need.objects.lock_graph(before.project_id)  # before any row
            with super().lock(**which) as ticket:
                yield ticket


TicketManagerBase = models.Manager.from_queryset(TicketQuerySet)


class TicketManager(TicketManagerBase["Ticket"]):
    explanation = staticmethod(explain.explanation)
    waits = staticmethod(explain.waits)
    attention = staticmethod(explain.attention)

    def open(
        self,
        project: Project,
        spec: TicketSpec,
        *,
        by: Actor,
        watch: Callable[[int], None] = lambda made: None,
    ) -> Ticket:
        """A new ticket with its tasks; `watch` gets the number of those made so far.

        A refusal to open it under a workflow, or in a phase past the first, is kept in the project's journal.
        """
        rights.require(by, WRITE, project)
        with self.record_refused_creation(project, spec.phase or "the first phase", by=by):
            workflow = spec.workflow
            if not isinstance(workflow, Workflow):
                workflow = Workflow.objects.of_project(project, workflow or "")
        phase = named(spec.phase) or workflow.plan.start
        if phase not in workflow.plan:
            raise Invalid(f"{phase} is not a phase of {workflow}", field="phase")
        spec = replace(spec, workflow=workflow, phase=phase)
        if phase == workflow.plan.start:
            return self._open(
                project,
                replace(spec, reason=field_limits.reason(spec.reason)),
                Ground.BORN,
                by=by,
                watch=watch,
            )
        with self.record_refused_creation(project, phase, by=by):
            rights.require(by, FORCE, project)
            least = f"a ticket born in {phase} needs a reason of {REASON} characters or more"
            spec = replace(spec, reason=field_limits.reason(spec.reason, REASON, least))
            return self._open(project, spec, Ground.FORCED, by=by, watch=watch)

    @sql.atomic
    def _open(
        self,
        project: Project,
        spec: TicketSpec,
        ground: str,
        *,
        by: Actor,
        watch: Callable[[int], None],
    ) -> Ticket:
        workflow = spec.workflow
        assert isinstance(workflow, Workflow)
        for field in ("parent", "follow_up"):
            if (other := getattr(spec, field)) and other.project_id != project.pk:
                raise Invalid(f"{other.key} is of another project", field=field)
        if any(task.needs for task in spec.tasks) or workflow.plan.seeds_needs:
            Need.objects.lock_graph(project.pk)  # before any row
        number = sql.one(NEXT_NUMBER, [project.pk])
        assert number
        # as it is now, under the project's lock
        workflow.expect_allowed(project.key, number["workflow"], number["workflows"])
        ticket = self.model(
            project=project,
            number=number["tickets_made"],
            key=f"{project.key}-{number['tickets_made']}",
            workflow=workflow,
            phase=spec.phase,
            **spec.stored,
        )
        sql.check(ticket, without=["phase", "moves", "previous_phase", "phase_since", "created_at"])
        ticket.save(force_insert=True)
        ticket.record_move(None, spec.phase, ground, by=by, reason=spec.reason)
        ticket.record(
            "ticket.opened", by=by, reason=spec.reason, data={"title": spec.title, "phase": spec.phase}
        )
        if spec.follow_up:
            Link.objects.create(ticket=ticket, other_id=spec.follow_up.pk, kind=FOLLOW_UP)
        ticket.seed(spec.phase, by=by)
        if spec.tasks:
            ticket.tasks.model.objects.insert(ticket, spec.tasks, by=by, watch=watch)
        return ticket


class Ticket(Transitions):
    objects = TicketManager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "phase"], name="ticket_board"),
            models.Index(Upper("source_id"), name="ticket_source_id", condition=~models.Q(source="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="ticket_number"),
            models.UniqueConstraint(
                fields=["project", "source", "source_id"],
                condition=~models.Q(source=""),
                name="ticket_source",
            ),
            models.CheckConstraint(condition=models.Q(priority__range=(0, 3)), name="ticket_priority"),
        ]

    def pause(self, *, by: Actor, reason: str = "") -> None:
        """Grant none of its tasks until it is resumed; running claims go on."""
        rights.require(by, WRITE, self.project)
        if not self.paused:
            self.paused, self.paused_at, self.pause_reason = True, timezone.now(), field_limits.reason(reason)
            self.record("ticket.paused", by=by, reason=reason)
            self.hold_tasks()

    def resume(self, *, by: Actor, reason: str = "") -> None:
        rights.require(by, WRITE, self.project)
        if self.paused:
            self.paused, self.paused_at, self.pause_reason = False, None, ""
            self.record("ticket.resumed", by=by, reason=reason)
            self.hold_tasks()

    def archive(self, *, by: Actor, reason: str = "") -> None:
        """Put it out of sight; none of its tasks is granted while it is there."""
        rights.require(by, WRITE, self.project)
        if not self.archived_at:
            self.archived_at = timezone.now()
            self.record("ticket.archived", by=by, reason=reason)
            self.hold_tasks()

    def restore(self, *, by: Actor, reason: str = "") -> None:
        rights.require(by, WRITE, self.project)
        if self.archived_at:
            self.archived_at = None
            self.record("ticket.restored", by=by, reason=reason)
            self.hold_tasks()

    def edit(
        self,
        *,
        by: Actor,
        version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        priority: int | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Change what is given; open tasks that had the ticket's priority take the new one."""
        rights.require(by, WRITE, self.project)
        values = {
            "title": title,
            "description": description,
            "priority": priority,
            "labels": None if labels is None else list(labels),
        }
        before = self.change(
            "ticket.edited",
            {field: value for field, value in values.items() if value is not None},
            by=by,
            version=version,
        )
        if "priority" in before:
            self.tasks.model.objects.reprioritise(self.pk, before["priority"], self.priority, by=by)

    def hold_tasks(self) -> None:
        """Hold the tasks that may not be claimed where the ticket stands now, and free the others."""
        hold(self)
