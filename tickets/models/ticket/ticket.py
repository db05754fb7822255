"""Ticket: a piece of work that moves through the phases of its workflow version.

A move is a transition on a locked row; it writes its history row and its event in the same transaction, and a deferred
trigger refuses every change of phase that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Upper
from django.utils import timezone

from agents.models import Project
from omoi_site import limits
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.explain import tickets as explain
from tickets.models.task.intervene import hold
from tickets.models.task.need import Need
from tickets.models.task.spec import TaskSpec
from tickets.models.ticket.automation import Moves
from tickets.models.ticket.left_phases import FOLLOW_UP
from tickets.models.ticket.link import Link
from tickets.models.ticket.record import Priority
from tickets.models.ticket.transitions import REASON, Ground, Transitions
from tickets.models.workflow import Workflow

NAMED = 10  # tickets that are told where one name could mean several


class TicketQuerySet(Moves["Ticket"]):
    together = ("project", "workflow")

    def seen_by(self, who: Any) -> TicketQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def named(self, name: str) -> Ticket | None:
        """The ticket of this key, or else the one that had this id where it was imported from, in any case. Raises Invalid naming those it can be."""
        if found := self.filter(key=name.upper()).first():
            return found
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
                f"several tickets were imported as {name}: {', '.join(among[:NAMED])}{more}. Name one by its key",
                field="key",
            )
        return self.get(key=among[0]) if among else None

    @contextmanager
    def held(self, **which: Any) -> Iterator[Ticket]:
        """One ticket under its lock, in one transaction; a move of it may seed tasks."""
        with transaction.atomic():
            before = self.select_related("workflow").filter(**which).first()
            if before and before.plan.seeds_needs:
                Need.objects.lock_graph(before.project_id)  # before any row
            with super().held(**which) as ticket:
                yield ticket


TicketManagerBase = models.Manager.from_queryset(TicketQuerySet)


class TicketManager(TicketManagerBase["Ticket"]):
    explanation = staticmethod(explain.explanation)
    waits = staticmethod(explain.waits)
    needy = staticmethod(explain.needy)

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
        tasks: Sequence[TaskSpec] = (),
        source: str = "",
        source_id: str = "",
        watch: Callable[[int], None] = lambda made: None,
    ) -> Ticket:
        """A new ticket with its tasks (TaskSpec), in its workflow's first phase; born elsewhere only `forced` or `imported`, with a reason.

        `follow_up`: the ticket it continues, mostly one in DONE, which takes no more tasks.

        `watch` is told now and then how many of its tasks are made.
        """
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
            reason = limits.reason(
                reason, REASON, f"a ticket born in {phase} needs a reason of {REASON} characters or more"
            )
        if any(spec.needs for spec in tasks) or plan.seeds_needs:
            Need.objects.lock_graph(project.pk)  # before any row
        number = sql.one(
            "UPDATE agents_project SET tickets_made = tickets_made + 1 WHERE id = %s RETURNING tickets_made, workflow, workflows",
            [project.pk],
        )
        assert number
        workflow.expect_allowed(
            project.key, number["workflow"], number["workflows"]
        )  # as it is now, under the project's lock
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
            ticket.tasks.model.objects.insert(ticket, tasks, by=by, watch=watch)
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
        asked = {
            "title": title,
            "description": description,
            "priority": priority,
            "labels": None if labels is None else list(labels),
        }
        before = self.change(
            "ticket.edited",
            {field: value for field, value in asked.items() if value is not None},
            by=by,
            version=version,
        )
        if "priority" in before:
            self.tasks.model.objects.reprioritise(self.pk, before["priority"], self.priority, by=by)

    def hold_tasks(self) -> None:
        """Hold the tasks that may not be claimed where the ticket stands now, and free the others."""
        hold(self)
