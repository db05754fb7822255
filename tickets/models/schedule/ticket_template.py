"""TicketTemplate: a named ticket to open, with its tasks and with variables in its texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from agents.models import Actor, Project, Versioned, rights
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Invalid, OmoiError
from tickets.models.schedule import variables
from tickets.models.schedule.removable import Removable
from tickets.models.schedule.template_spec import TemplateSpec, stored_tasks, task_of
from tickets.models.schedule.variables import Variable
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.ticket_spec import TicketSpec
from tickets.models.ticket.transitions import WRITE

NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", "small letters, digits and . _ -, a letter or digit first"
)
MOST_OF_PROJECT = 200
TEXTS = ("title", "description")  # of the ticket, and of each task
EDITABLE = {
    *("name", "title", "description", "priority", "labels", "acceptance", "workflow"),
    *("tasks", "variables"),
}


class TemplateInUse(OmoiError):
    """A schedule still opens tickets of the template."""

    code = "transition_not_allowed"
    title = "The template is in use"


class TicketTemplateQuerySet(Removable["TicketTemplate"]):
    together = ("project",)

    @sql.atomic
    def create_template(self, project: Project, spec: TemplateSpec, *, by: Actor) -> TicketTemplate:
        """A new template, of which a ticket could be opened now: everything that would be refused then is
        refused now.
        """
        rights.require(by, WRITE, project)
        values = {field.name: getattr(spec, field.name) for field in fields(spec)}
        template = self.model(project=project, **_stored(values))
        sql.check(template)
        if self.kept().filter(project=project).count() >= MOST_OF_PROJECT:
            raise Invalid(
                f"a project has at most {MOST_OF_PROJECT} templates", next_action="Remove one first."
            )
        template.try_out(by=by)
        with template.named_once():
            template.save(force_insert=True)
        template.record("template.created", by=by, data={"name": template.name})
        return template

    @sql.atomic
    def open(
        self,
        pk: int,
        given: Mapping[str, str],
        *,
        by: Actor,
        at: datetime | None = None,
        reason: str = "",
    ) -> Ticket:
        """Open a ticket of it. given: values of its variables. at: the time that its texts name, in its zone;
        None: now.
        """
        template = self.select_related("project").get(pk=pk)
        rights.require(by, WRITE, template.project)
        if template.removed_at:
            raise Invalid(f"the template {template} is removed", next_action="Restore it first.")
        spec = template.spec(given, at=at or timezone.now())
        spec = replace(spec, reason=reason or f"from the template {template.name}")
        ticket = Ticket.objects.open(template.project, spec, by=by)
        template.record("template.opened", by=by, data={"ticket": ticket.key})
        return ticket


class TicketTemplate(Versioned):
    project = models.ForeignKey(Project, models.CASCADE, related_name="ticket_templates", db_index=False)
    name = models.CharField(max_length=63, validators=[NAME])
    title = models.CharField(max_length=300, validators=[field_limits.not_blank])
    description = field_limits.text(100_000, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    labels = ArrayField(
        models.CharField(max_length=200, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        **field_limits.items(100),
    )
    acceptance = models.JSONField(default=list, blank=True, help_text="the texts of its criteria")
    workflow = models.CharField(max_length=100, blank=True, help_text="empty: that of the project")
    tasks = models.JSONField(default=list, blank=True, help_text="the fields of each that are not usual")
    variables = models.JSONField(default=list, blank=True, help_text="each {name, label, default}")
    created_at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TicketTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=models.Q(removed_at=None),
                name="ticket_template_once",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def topic(self) -> str:
        return self.project.topic

    @property
    def subject(self) -> str:
        return f"template:{self.pk}"

    @property
    def project_for_journal(self) -> int:
        return self.project_id

    @property
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()

    @property
    def declared(self) -> list[Variable]:
        return [Variable(**each) for each in self.variables]

    @property
    def task_specs(self) -> list[TaskSpec]:
        return [task_of(each) for each in self.tasks]

    @property
    def texts(self) -> dict[str, str]:
        """The texts that may use variables, by the names of their fields."""
        of_tasks = {
            f"tasks.{place}.{name}": task[name]
            for place, task in enumerate(self.tasks)
            for name in TEXTS
            if name in task
        }
        criteria = {f"acceptance.{place}": text for place, text in enumerate(self.acceptance)}
        return {**{name: getattr(self, name) for name in TEXTS}, **criteria, **of_tasks}

    def spec(self, given: Mapping[str, str], *, at: datetime) -> TicketSpec:
        """The ticket to open, with these values. Raises Invalid."""
        values = {**variables.of_time(at), **variables.chosen(self.declared, given)}
        variables.expect_short(list(self.texts.values()), values)
        tasks = [
            task_of(
                {**task, **{name: variables.filled(task[name], values) for name in TEXTS if name in task}}
            )
            for task in self.tasks
        ]
        return TicketSpec(
            title=variables.filled(self.title, values),
            description=variables.filled(self.description, values),
            priority=self.priority,
            labels=self.labels,
            acceptance=variables.filled(self.acceptance, values),
            workflow=self.workflow or None,
            tasks=tasks,
        )

    def try_out(self, *, by: Actor) -> None:
        """Open a ticket of it and take that back, so that the rules of tickets are asked and not repeated."""
        variables.faults_of(self.declared, self.texts).check()
        given = {each.name: each.default or each.name for each in self.declared}
        spec = self.spec(given, at=timezone.now())
        try:
            with transaction.atomic():
                Ticket.objects.open(self.project, spec, by=by)
                transaction.set_rollback(True)
        except OmoiError as refusal:
            refusal.trace = None  # no ticket was asked for
            raise

    @contextmanager
    def named_once(self) -> Iterator[None]:
        """Refuse a name that another template of the project has."""
        others = type(self).objects.kept().filter(project=self.project_id, name=self.name).exclude(pk=self.pk)
        taken = f"{self.project} has a template {self.name} already"
        if others.exists():
            raise Invalid(taken, field="name", next_action="Change that one, or choose another name.")
        try:
            with transaction.atomic():
                yield
        except IntegrityError as error:  # one that came meanwhile
            raise Invalid(taken, field="name", next_action="Choose another name.") from error

    # -- each runs on a row from `locked()`

    def expect_permitted(self, verb: str, by: Actor) -> None:
        rights.require(by, WRITE, self.project)

    def edit(self, *, by: Actor, version: int | None = None, **changes: Any) -> None:
        """Change fields of EDITABLE. Tickets that were opened of it stay as they are."""
        self.expect_permitted("edit", by)
        if strange := changes.keys() - EDITABLE:
            raise TypeError(f"a template's {', '.join(sorted(strange))} cannot be edited")
        before = self.change("template.edited", _stored(changes), by=by, version=version)
        if before:
            self.try_out(by=by)
        if "name" in before:
            with self.named_once():
                self.save(update_fields=["name"])

    def remove(self, *, by: Actor, reason: str = "") -> None:
        """Take it out of the lists. Tickets that were opened of it stay. Raises TemplateInUse."""
        self.expect_permitted("remove", by)
        if using := self.schedules.filter(removed_at=None).count():
            raise TemplateInUse(
                f"{using} {'schedule opens' if using == 1 else 'schedules open'} tickets of {self.name}",
                next_action="Remove them first, or let them use another template.",
            )
        if not self.removed_at:
            self.removed_at = timezone.now()
            self.record("template.removed", by=by, data={"name": self.name}, reason=reason)

    def restore(self, *, by: Actor, reason: str = "") -> None:
        self.expect_permitted("restore", by)
        if self.removed_at:
            with self.named_once():
                self.removed_at = None
                self.save(update_fields=["removed_at"])
            self.record("template.restored", by=by, data={"name": self.name}, reason=reason)

    schedules: Any  # the reverse relation


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a spec as the columns have them. Raises Invalid for tasks that no template can have."""
    stored = dict(values)
    if "tasks" in stored:
        stored["tasks"] = stored_tasks(stored["tasks"])
    if "variables" in stored:
        stored["variables"] = variables.stored(stored["variables"])
    for name in ("labels", "acceptance"):
        if name in stored:
            stored[name] = list(stored[name])
    return stored
