"""Ticket: a piece of work that moves through the phases of its workflow version.

A move is a transition on a locked row. It writes its history row and its event in the same transaction; a
deferred trigger refuses a change of phase without a history row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Unpack

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from agents.models import Actor, Project, key_hold, rights
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import Invalid, OmoiError
from tickets.models.context.phase_context import PhaseContext
from tickets.models.explain import ticket_explanation as explain
from tickets.models.gate.verdict import Verdict
from tickets.models.task.intervene import hold
from tickets.models.task.lane import relane
from tickets.models.task.need import Need
from tickets.models.ticket.acceptance import AcceptanceCriteria, criteria_of
from tickets.models.ticket.documents import TicketDocuments
from tickets.models.ticket.fields import BlockedClass, named
from tickets.models.ticket.link import Link
from tickets.models.ticket.past_phases import FOLLOW_UP
from tickets.models.ticket.room import expect_room, make_room
from tickets.models.ticket.ticket_spec import TicketEdit, TicketSpec
from tickets.models.ticket.transitions import FORCE, REASON, WRITE, Ground, Transitions
from tickets.models.ticket.version_change import expect_possible
from tickets.models.workflow import Workflow
from tickets.workflows.document import BLOCKED

NEXT_NUMBER = """
UPDATE agents_project SET tickets_made = tickets_made + 1 WHERE id = %s
RETURNING tickets_made, workflow, workflows
"""
ARCHIVED, NOT_ARCHIVED = models.Q(archived_at__isnull=False), models.Q(archived_at__isnull=True)
NAMED = 10  # tickets listed if a name is ambiguous


class TicketQuerySet(TicketDocuments["Ticket"]):
    together = ("project", "workflow")

    def seen_by(self, who: Actor) -> TicketQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def named(self, name: str) -> Ticket | None:
        """The ticket with this key, or else the imported ticket with this id in its source; upper or lower
        case.

        Raises Invalid, which lists the candidates, if there are several.
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
                " Use the key of one",
                field="key",
            )
        return self.get(key=among[0]) if among else None

    def before_lock(self, **which: Any) -> None:
        """The lock of the graph, if a move may add tasks that need each other: before any row lock."""
        before = self.filter(**which).values_list("project_id", "workflow_id").first()
        if before and Workflow.objects.plans({before[1]})[before[1]].seeds_needs:
            Need.objects.lock_graph(before[0])


TicketManagerBase = models.Manager.from_queryset(TicketQuerySet)


class TicketManager(TicketManagerBase["Ticket"]):
    explanation = staticmethod(explain.explanation)
    waits = staticmethod(explain.waits)

    def open(
        self,
        project: Project,
        spec: TicketSpec,
        *,
        by: Actor,
        watch: Callable[[int], None] = lambda made: None,
    ) -> Ticket:
        """Open a new ticket with its tasks. `watch` is called with the number of tasks created so far.

        A refusal because of its workflow, or of a phase past the first, is recorded in the project's journal.
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
            least = f"a ticket opened in {phase} needs a reason of {REASON} characters or more"
            spec = replace(spec, reason=field_limits.reason(spec.reason, REASON, least))
            return self._open(project, spec, Ground.FORCED, by=by, watch=watch)

    def follow(
        self, pk: int, number: int, *, by: Actor, version: int | None = None, reason: str = ""
    ) -> Verdict | None:
        """Let a ticket go on under version `number` of its workflow; `by` needs `admin` in its project.
        Returns the verdict on its gate under that version; None without a gate, or where it could not be
        judged: the ticket goes on under that version all the same.
        """
        ticket = self.select_related("workflow").get(pk=pk)
        with self.record_refusals(pk, ticket.phase, by=by):
            target = Workflow.objects.version(ticket.workflow.name, number)
            self.act(pk, "follow", by=by, version=version, target=target, reason=reason)
        verdict: Verdict | None = None
        if self.select_related("workflow").get(pk=pk).gated:
            with suppress(OmoiError):
                verdict = self.judge(pk=pk, by=by)
        return verdict

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
        key_hold.hold(by)  # the right was asked for before the transaction began
        workflow = spec.workflow
        assert isinstance(workflow, Workflow)
        for field in ("parent", "follow_up"):
            if (other := getattr(spec, field)) and other.project_id != project.pk:
                raise Invalid(f"{other.key} belongs to another project", field=field)
        if any(task.needs for task in spec.tasks) or workflow.plan.seeds_needs:
            Need.objects.lock_graph(project.pk)  # before any row lock
        number = sql.one(NEXT_NUMBER, [project.pk])
        assert number
        # read now, with the project's lock held
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
        if ground == Ground.FORCED:
            ticket.past_limit = expect_room(ticket, spec.phase, by=by, past_limit=True)
        ticket.save(force_insert=True)
        ticket.record_move(None, spec.phase, ground, by=by, reason=spec.reason)
        data = {"title": spec.title, "phase": spec.phase}
        if followed := spec.follow_up:
            Link.objects.create(ticket=ticket, other_id=followed.pk, kind=FOLLOW_UP)
            followed.record("ticket.followed_up", by=by, reason=spec.reason, data={"ticket": ticket.key})
            data["follow_up"] = followed.key
        ticket.record("ticket.opened", by=by, reason=spec.reason, data=data)
        ticket.enter(spec.phase, by=by)
        if spec.tasks:
            ticket.tasks.model.objects.insert(ticket, spec.tasks, by=by, watch=watch)
        return ticket


class Ticket(Transitions, AcceptanceCriteria):
    application_privileges = NO_DELETE

    objects = TicketManager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="ticket_list", condition=NOT_ARCHIVED),
            models.Index(fields=["project", "id"], name="ticket_archived", condition=ARCHIVED),
            models.Index(fields=["project", "phase", "id"], name="ticket_board", condition=NOT_ARCHIVED),
            # with the time of the last move: the newest that are done
            models.Index(
                fields=["workflow", "phase", "project", "phase_since"],
                include=["archived_at"],
                name="ticket_workflow",
            ),
            models.Index(
                fields=["project", "refused_at", "id"],
                name="ticket_refused",
                condition=models.Q(refused_at__isnull=False),
            ),
            models.Index(
                fields=["project", "move_fault_at", "id"],
                name="ticket_move_fault",
                condition=models.Q(move_fault_at__isnull=False),
            ),
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
            models.CheckConstraint(
                condition=~models.Q(phase=BLOCKED)
                | models.Q(blocked_class__in=BlockedClass.values) & ~models.Q(blocked_reason=""),
                name="ticket_blocked_says_why",
            ),
        ]

    def pause(self, *, by: Actor, reason: str = "") -> None:
        """Let none of its tasks be claimed until it is resumed. Running claims go on."""
        self.expect_permitted("pause", by)
        if not self.paused:
            self.paused, self.paused_at, self.pause_reason = True, timezone.now(), field_limits.reason(reason)
            self.record("ticket.paused", by=by, reason=reason)
            self.hold_tasks()

    def resume(self, *, by: Actor, reason: str = "") -> None:
        self.expect_permitted("resume", by)
        if self.paused:
            self.paused, self.paused_at, self.pause_reason = False, None, ""
            self.record("ticket.resumed", by=by, reason=reason)
            self.hold_tasks()

    def archive(self, *, by: Actor, reason: str = "") -> None:
        """Remove it from lists. None of its tasks can be claimed until it is restored."""
        self.expect_permitted("archive", by)
        if not self.archived_at:
            self.archived_at = timezone.now()
            self.record("ticket.archived", by=by, reason=reason)
            self.hold_tasks()
            make_room(self.project_id, self.plan, self.phase)

    def restore(self, *, by: Actor, reason: str = "") -> None:
        self.expect_permitted("restore", by)
        if self.archived_at:
            expect_room(self, self.phase, by=by)
            self.archived_at = None
            self.record("ticket.restored", by=by, reason=reason)
            self.hold_tasks()

    def edit(
        self, *, by: Actor, version: int | None = None, reason: str = "", **fields: Unpack[TicketEdit]
    ) -> None:
        """Change these fields. Open tasks with the ticket's old priority get the new one, and criteria that
        stay keep their answers.
        """
        self.expect_permitted("edit", by)
        if strange := fields.keys() - TicketEdit.__annotations__.keys():
            raise TypeError(f"a ticket's {', '.join(sorted(strange))} cannot be edited")
        values: dict[str, Any] = dict(fields)
        if "labels" in values:
            values["labels"] = list(values["labels"])
        if "acceptance" in values:
            values["acceptance"] = criteria_of(values["acceptance"], self.acceptance)
        reason = field_limits.reason(reason)
        before = self.change("ticket.edited", values, by=by, version=version, reason=reason)
        if "acceptance" in before:
            self.hint_advance()
        if "priority" in before:
            self.tasks.model.objects.reprioritise(self.pk, before["priority"], self.priority, by=by)

    def follow(self, target: Workflow, *, by: Actor, reason: str = "") -> None:
        """Go on under this version of its workflow, in the same phase. The gate must be judged again: no
        verdict and no approval given before holds.
        """
        self.expect_permitted("follow", by)
        expect_possible(self, target)
        before, before_plan, self.workflow = self.workflow.version, self.plan, target
        self.move_fault, self.move_fault_at = "", None
        data = {"workflow": target.name, "from": before, "to": target.version}
        self.record("ticket.workflow_changed", by=by, reason=reason, data=data)
        self.hand_over(self.effective_phase, PhaseContext.Why.FOLLOWED, by=by)
        self.hold_tasks()
        self.tasks.model.objects.follow_stalls(self.pk, self.plan)
        if before_plan.holds or self.plan.holds:
            tasks = self.tasks.open().order_by("id").select_for_update(no_key=True)
            relane(list(tasks.values_list("pk", flat=True)), workflow=target.pk)
        if self.phase in self.plan and self.plan[self.phase].automatic:
            hints.send("advance_tickets", [self.pk])

    def hold_tasks(self) -> None:
        """Hold the tasks that cannot be claimed in the ticket's present phase, and free the others."""
        hold(self)
