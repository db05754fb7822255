"""Imports work of another tool: many tickets at once, each with one task, all or none.

An existing ticket (same source and id) is not changed, because agents may be working on it. Only what is
missing is added, so importing the same backlog again adds nothing. The number of statements grows only with
the number of batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from agents.models import Actor, Project, rights
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Faults
from tickets.models.task.need import Need
from tickets.models.task.open_needs import recount
from tickets.models.task.task import Task
from tickets.models.ticket import external_reference
from tickets.models.ticket.awaited import Awaited, Relation
from tickets.models.ticket.backlog import Backlog, ImportResult, Item
from tickets.models.ticket.comment import Comment
from tickets.models.ticket.import_relations import RelationWriter, sort_relations
from tickets.models.ticket.import_run import ImportRun
from tickets.models.ticket.import_tickets import BATCH, create_tickets
from tickets.models.ticket.inherited_needs import HOLDS
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import WRITE
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

EXISTING = sql.statement(__file__, "existing_tickets", holds=HOLDS)
COUNTED = ("new", "needs", "parents", "links", "comments", "external_refs")


@sql.atomic
def import_backlog(
    backlog: Backlog,
    *,
    project: Project,
    workflow: Workflow,
    by: Actor,
    watch: Callable[[int], None] = lambda made: None,
) -> ImportResult:
    """Add what is new in a backlog, in one transaction. `watch` is called with the number of tickets created
    so far.

    Raises Forbidden if there is finished work and `by` may not force a move, and Cycle if needs or parents
    would form a circle, also together with existing ones.
    """
    rights.require(by, WRITE, project)
    Need.objects.lock_graph(project.pk)  # before any row lock; it also serialises the imports of a project
    closing = Awaited.objects.closing(
        (item.id for item in backlog.items), project=project.pk, source=backlog.source
    )
    run = ImportRun(backlog, project, by, _existing(backlog, closing, project))
    fresh = [item for item in backlog.items if item.id not in run.existing]
    _refuse_faults(backlog.items, run.existing)
    _create(run, fresh, workflow, watch)
    _add_comments_and_references(run, fresh)
    relations = sort_relations(run, closing)
    _settle_awaited(run, closing)
    RelationWriter(run, relations).write()
    result, new_tasks = run.result, list(run.new_tasks.values())
    recount(new_tasks)
    result.ready = Task.objects.filter(pk__in=new_tasks).ready().count()
    result.changed = list(_changed(run, relations.parents, workflow.plan))
    counts = {name: getattr(result, name) for name in (*COUNTED, "known", "tasks")}
    if any(counts[name] for name in COUNTED):
        project.record("project.imported", by=by, data={"source": backlog.source, **counts})
    watch(len(new_tasks))
    return result


def _existing(backlog: Backlog, closing: dict[Relation, int], project: Project) -> dict[str, dict[str, Any]]:
    """The existing tickets that the backlog names, locked, by their id in the source."""
    ids = backlog.ids.union(relation.from_id for relation in closing)
    return {row["source_id"]: row for row in sql.rows(EXISTING, [project.pk, backlog.source, list(ids)])}


def _refuse_faults(items: Sequence[Item], existing: Container[str]) -> None:
    faults = Faults()
    for item in items:
        values = (
            {"external_ref": item.external_ref}
            if item.id in existing
            else {**vars(item), "source_id": item.id}
        )
        for name, message in field_limits.faults(Ticket, values):
            faults.add(f"{item.id}: {name}", message)
        for number, comment in enumerate(item.comments, 1):
            for name, message in field_limits.faults(Comment, vars(comment)):
                faults.add(f"{item.id}: comment {number}: {name}", message)
    faults.check()


def _create(run: ImportRun, fresh: Sequence[Item], workflow: Workflow, watch: Callable[[int], None]) -> None:
    run.tickets = {name: row["id"] for name, row in run.existing.items()}
    run.tasks = {name: row["task"] for name, row in run.existing.items()}
    for ticket, task in create_tickets(run, fresh, workflow):
        run.tickets[ticket.source_id], run.new_tasks[ticket.source_id] = ticket.pk, task
        if len(run.new_tasks) % BATCH == 0:
            watch(len(run.new_tasks))
    run.tasks |= run.new_tasks
    result = run.result
    result.new, result.tasks = len(fresh), len(run.new_tasks)
    result.known = len(run.backlog.items) - len(fresh)
    result.paused = dict(Counter(item.pause_class or "paused" for item in fresh if item.pause).most_common())


def _add_comments_and_references(run: ImportRun, fresh: Sequence[Item]) -> None:
    """This includes those that existing tickets lack."""
    backlog, result = run.backlog, run.result
    refs = {
        row["id"]: item.external_ref
        for item in backlog.items
        if item.external_ref and (row := run.existing.get(item.id)) and not row["external_ref"]
    }
    result.comments = Comment.objects.import_comments(
        [(run.tickets[item.id], comment) for item in backlog.items for comment in item.comments],
        source=backlog.source,
        existing={row["id"] for row in run.existing.values()},
        by=run.by,
    )
    result.external_refs = sum(bool(item.external_ref) for item in fresh) + external_reference.fill(
        refs, by=run.by
    )


def _settle_awaited(run: ImportRun, closing: dict[Relation, int]) -> None:
    """Store relations whose other end is not imported yet, and drop those whose other end now is."""
    Awaited.objects.store([(run.tickets[one], kind, other) for kind, one, other in run.result.awaited])
    if closing:
        Awaited.objects.filter(pk__in=closing.values()).delete()
        run.result.closed = len(closing)


def _changed(run: ImportRun, parents: dict[str, str], plan: Plan) -> Iterator[dict[str, Any]]:
    """Existing tickets that differ from their item. A move made here does not count."""
    backlog, existing = run.backlog, run.existing
    parent_of = {row["id"]: name for name, row in existing.items()}
    for item in backlog.items:
        if row := existing.get(item.id):
            fields = [
                name for name in ("title", "description", "priority") if getattr(item, name) != row[name]
            ]
            if row["external_ref"] not in ("", item.external_ref):
                fields.append("external_ref")
            if item.done and not (row["phase"] in plan and plan[row["phase"]].terminal):
                fields.append("status")
            if row["parent_id"] and parent_of.get(row["parent_id"]) != parents.get(item.id):
                fields.append("parent")
            if fields:
                yield {"id": item.id, "ticket": row["key"], "fields": fields}
    for name in backlog.deleted:
        if row := existing.get(name):
            yield {"id": name, "ticket": row["key"], "fields": ["deleted"]}
