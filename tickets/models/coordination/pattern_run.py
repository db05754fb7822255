"""PatternRun: a pattern applied to a ticket under a key, in one transaction: its tasks and their needs.

The same key again gives the same tasks, whoever asks and however often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Actor, label, rights, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import Invalid, OmoiError
from tickets.models.coordination.applied import Applied, AppliedTask, edges_of
from tickets.models.coordination.placement import place
from tickets.models.journal_sql import task_events
from tickets.models.task.need import Need
from tickets.models.task.task import Task
from tickets.models.ticket.ticket import Ticket
from tickets.patterns import document as documents
from tickets.patterns.plan import PlannedTask, plan

KEY = 100  # characters
NewEvent = tuple[int, str, dict[str, Any]]  # the task, the kind, the data
LOG_ADDED = sql.statement(
    __file__, "pattern_events", events=task_events("counted ORDER BY id", "kind", data="data")
)


class KeyUsed(OmoiError):
    """Another pattern was applied to the ticket under this key."""

    code = "idempotency_mismatch"
    title = "The key belongs to another request"
    next_action = "Send the same pattern, arguments and phases again, or choose another key."


@dataclass(frozen=True)
class PatternRequest:
    """What to apply: the name of a shipped pattern, or a document. `phases`: for phases that the workflow
    lacks, those that stand for them.
    """

    pattern: str | dict[str, Any]
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, Any]:
        return {
            "pattern": self.pattern,
            "arguments": dict(self.arguments),
            "phases": dict(self.phases),
        }

    def read(self) -> documents.Pattern:
        """The checked pattern. Raises NotFound or InvalidPattern."""
        return (
            documents.named(self.pattern) if isinstance(self.pattern, str) else documents.read(self.pattern)
        )


class PatternRunManager(models.Manager["PatternRun"]):
    def preview(self, ticket: Ticket, request: PatternRequest, *, by: Actor) -> Applied:
        """What `apply` would add; nothing is stored. Raises what it would raise."""
        rights.require(by, "tickets:write", ticket.project)
        return self._preview(ticket, request)

    @sql.atomic
    def _preview(self, ticket: Ticket, request: PatternRequest) -> Applied:
        pattern = request.read()
        placement = place(ticket, pattern, plan(pattern, request.arguments), request.phases)
        with placement.faults_named():
            Task.objects.checked(ticket, placement.specs)
        return placement.previewed(request.key)

    @sql.atomic
    def apply(self, ticket: Ticket, request: PatternRequest, *, by: Actor) -> tuple[Applied, bool]:
        """Add the tasks of a pattern to a ticket, all or none. Returns them, and whether they are new: the
        same request with the same key adds nothing again. Raises KeyUsed for another request.
        """
        rights.require(by, "tickets:write", ticket.project)
        key = _checked_key(request.key)
        pattern = request.read()
        tasks = plan(pattern, request.arguments)  # before the lock, for which others wait
        Need.objects.lock_graph(ticket.project_id)
        if run := self.filter(ticket=ticket, key=key).first():
            if run.request != request.stored:
                raise KeyUsed(f"the key {key} of {ticket} belongs to another request: {run.pattern}")
            return run.applied(), False
        placement = place(ticket, pattern, tasks, request.phases)
        with placement.faults_named():
            ids = Task.objects.insert(
                ticket, placement.specs, by=by, log=lambda new: _log(_added(tasks, new), run=key, by=by)
            )
        _log(_split(tasks, ids), run=key, by=by)
        run = self.create(
            ticket=ticket,
            key=key,
            pattern=pattern.name,
            request=request.stored,
            tasks=[[task.name, task.block, pk] for task, pk in zip(tasks, ids, strict=True)],
            by=label(by),
            via=via(by),
        )
        return run.applied(), True

    def of_tasks(self, ticket: Ticket) -> dict[int, dict[str, str]]:
        """For each task of the ticket that a pattern added: the key of its run, the pattern, its name there,
        and the block that added it.
        """
        runs = self.filter(ticket=ticket).order_by("id").values_list("key", "pattern", "tasks")
        return {
            task: {"key": key, "pattern": pattern, "name": name, "block": block}
            for key, pattern, tasks in runs
            for name, block, task in tasks
        }


class PatternRun(models.Model):
    application_privileges = INSERT_ONLY

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="pattern_runs", db_index=False)
    key = models.CharField(max_length=KEY)
    pattern = models.CharField(max_length=60)
    request = models.JSONField(help_text="the pattern, its arguments and phases, as they were sent")
    tasks = models.JSONField(help_text="of each task: its name in the pattern, its block and its id")
    by = models.CharField(max_length=170)
    via = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = PatternRunManager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["ticket", "key"], name="pattern_run_once")]

    def __str__(self) -> str:
        return f"{self.pattern} ({self.key})"

    @property
    def ids(self) -> dict[str, int]:
        """The id of each task, by its name in the pattern."""
        return {name: pk for name, _, pk in self.tasks}

    def applied(self) -> Applied:
        """Its tasks as they are now."""
        ids = list(self.ids.values())
        found = Task.objects.select_related("coordination", "cancels_others").in_bulk(ids)
        needs = list(Need.objects.filter(child__in=ids).select_related("parent").order_by("id"))
        sources = {need.parent_id: need.parent for need in needs if need.parent_id not in found}
        return Applied(
            self.key,
            self.pattern,
            [_shown(name, block, found[pk]) for name, block, pk in self.tasks],
            edges_of(needs, self.ids),
            [sources[pk] for pk in sorted(sources)],
        )


def _shown(name: str, block: str, task: Task) -> AppliedTask:
    return AppliedTask(
        name=name,
        block=block,
        title=task.title,
        kind=task.kind,
        phase=task.phase,
        priority=task.priority,
        operation=task.operation,
        strategy=task.coordination.strategy if task.operation else "",
        join=task.join,
        profile=task.profile,
        capabilities=task.capabilities,
        timeout_s=task.coordination.timeout_s if task.operation == "sync" else None,
        on_timeout=task.coordination.on_timeout if task.operation == "sync" else "",
        others="cancel" if hasattr(task, "cancels_others") else "continue",
        pk=task.pk,
        key=task.key,
        state=task.state,
    )


def _added(tasks: Sequence[PlannedTask], ids: Sequence[int]) -> Iterator[NewEvent]:
    """The events of the new tasks that are syncs, merges and joins."""
    of_name = {task.name: pk for task, pk in zip(tasks, ids, strict=True)}
    for task, pk in zip(tasks, ids, strict=True):
        data: dict[str, Any] = {
            "needs": [str(of_name.get(str(need.on), need.on)) for need in task.needs],
            "required": task.join,
        }
        if task.block == "sync":
            data["timeout_s"] = task.timeout_s
        if task.block == "merge":
            data["strategy"] = task.strategy
        if task.block != "split":
            yield pk, f"coordination.{task.block}.created", data


def _split(tasks: Sequence[PlannedTask], ids: Sequence[int]) -> Iterator[NewEvent]:
    """The event of a split, about the task that is split."""
    of_name = {task.name: pk for task, pk in zip(tasks, ids, strict=True)}
    if parts := [task for task in tasks if task.block == "split"]:
        [source] = parts[0].needs
        about = source.on if isinstance(source.on, int) else of_name[source.on]
        yield about, "coordination.split.created", {"tasks": [str(of_name[task.name]) for task in parts]}


def _log(events: Iterator[NewEvent], *, run: str, by: Actor) -> None:
    if not (new := list(events)):
        return
    params = {
        "ids": [pk for pk, _, _ in new],
        "kinds": [kind for _, kind, _ in new],
        "data": [Jsonb({"run": run, **data}) for _, _, data in new],
        "actor": label(by),
        "key": via(by),
    }
    sql.rows(LOG_ADDED, params)


def _checked_key(key: str) -> str:
    shown = key.strip()
    if not field_limits.seen(shown) or len(shown) > KEY or field_limits.shown_fault(shown):
        raise Invalid(f"a key is one line of 1 to {KEY} visible characters", field="key")
    return shown
