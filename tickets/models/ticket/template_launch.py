"""TemplateLaunch: one time that task templates were added to a ticket by hand. It never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from agents.models import Actor, label, rights, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import IdempotencyMismatch, Invalid
from tickets.models.task.task import Task
from tickets.models.ticket import task_templates
from tickets.models.ticket.task_templates import KEY, LaunchSpec, Plan, Planned
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import WRITE


@dataclass(frozen=True)
class Launched:
    """first: whether this call added the tasks, and not an earlier one with the same key."""

    launch: TemplateLaunch
    first: bool


class TemplateLaunchManager(models.Manager["TemplateLaunch"]):
    @sql.atomic
    def launch(
        self, pk: int, spec: LaunchSpec, *, key: str, by: Actor, version: int | None = None
    ) -> Launched:
        """Add the templates to the ticket, all or none. The same key again returns what it added the first
        time; with another request it is refused.
        """
        if not field_limits.seen(key) or len(key) > KEY or field_limits.shown_fault(key):
            raise Invalid(f"a key has 1 to {KEY} visible characters", field="key")
        with Ticket.objects.lock(pk=pk) as ticket:
            rights.require(by, WRITE, ticket.project)
            if former := self.filter(ticket=ticket, key=key).first():
                if former.request != spec.request:
                    raise IdempotencyMismatch(f"{key} was used for another launch on {ticket.key}")
                return Launched(former, first=False)
            ticket.expect(version)
            plan = task_templates.checked_plan(ticket, spec)
            ids = Task.objects.insert(ticket, [each.spec for each in plan.added], by=by)
            stored = self.create(
                ticket=ticket,
                key=key,
                phase=plan.phase,
                request=spec.request,
                outcome=outcome(plan, ids),
                by=label(by),
                via=via(by),
            )
            if ids:
                data = {"phase": plan.phase, "key": key, "tasks": [str(pk) for pk in ids]}
                ticket.record("template.launched", by=by, data=data)
            return Launched(stored, first=True)


class TemplateLaunch(models.Model):
    application_privileges = INSERT_ONLY

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="template_launches")
    key = models.CharField(max_length=KEY, help_text="chosen by the caller: the same one adds nothing twice")
    phase = models.CharField(max_length=60)
    request = models.JSONField(help_text="what was asked for: {phase, chosen, words}")
    outcome = models.JSONField(help_text="each chosen template: {template, title, task, added, …}")
    by = models.CharField(max_length=170)
    via = models.CharField(max_length=20, blank=True, help_text="prefix of the key that the actor used")
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = TemplateLaunchManager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["ticket", "key"], name="template_launch_once")]

    def __str__(self) -> str:
        return f"{self.ticket} {self.key}"

    @property
    def added(self) -> list[int]:
        """The ids of the tasks that it added."""
        return [int(each["task"]) for each in self.outcome if each["added"]]


def outcome(plan: Plan, ids: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Each chosen template with its task: added under one of `ids`, there before, or, without ids, still to
    be added.
    """
    numbers, by_ref = iter(ids), {}
    tasks = [next(numbers, None) if each.there is None else each.there for each in plan.tasks]
    for each, task in zip(plan.tasks, tasks, strict=True):
        if each.there is None and task:
            by_ref[each.spec.ref] = task
    return [_document(each, task, by_ref) for each, task in zip(plan.tasks, tasks, strict=True)]


def _document(planned: Planned, task: int | None, by_ref: Mapping[str, int]) -> dict[str, Any]:
    spec = planned.spec
    needs = [by_ref.get(need.on, need.on) if isinstance(need.on, str) else need.on for need in spec.needs]
    return {
        "template": planned.template,
        "title": spec.title,
        "description": spec.description,
        "kind": spec.kind,
        "priority": spec.priority,
        "capabilities": list(spec.capabilities),
        "profile": spec.profile,
        "needs": [str(need) for need in needs],
        "left_out": list(planned.left_out),
        "task": str(task) if task else None,
        "added": planned.there is None,
    }
