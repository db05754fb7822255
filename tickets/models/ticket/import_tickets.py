"""Stores the tickets of an import by COPY, each with its history, its task and its event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.models import Actor, Event, label, rights, via
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.task.task import Task
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.backlog import Item
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.import_run import ImportRun
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import FORCE
from tickets.models.workflow import Workflow

BATCH = 1000
TAKE_NUMBERS = """
UPDATE agents_project
SET tickets_made = tickets_made + %s
WHERE id = %s
RETURNING tickets_made, workflow, workflows, clock_timestamp() AS now
"""


def create_tickets(run: ImportRun, items: Sequence[Item], workflow: Workflow) -> Iterator[tuple[Ticket, int]]:
    """Create tickets with their history, tasks and events in batches. Yields each with the id of its task.

    Finished work starts past the first phase. Raises Forbidden if the actor may not force a move.
    """
    if not items:
        return
    project, source, by = run.project, run.backlog.source, run.by
    if any(item.done for item in items):
        with Ticket.objects.record_refused_creation(project, "the last", by=by):
            rights.require(by, FORCE, project)
    plan, last = workflow.plan, _last_phase(workflow) if any(item.done for item in items) else ""
    works = plan.works_in(plan.start)
    if plan[works].terminal and not all(item.done for item in items):
        raise Invalid(
            f"{workflow} has only a last phase, so it cannot take open work",
            field="workflow",
        )
    numbers = sql.one(TAKE_NUMBERS, [len(items), project.pk])
    assert numbers
    workflow.expect_allowed(project.key, numbers["workflow"], numbers["workflows"])
    first, now = numbers["tickets_made"] - len(items) + 1, numbers["now"]
    for place in range(0, len(items), BATCH):
        if place:  # let deferred triggers run now, so that their work does not pile up until the end
            sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
            sql.rows("SET CONSTRAINTS ALL DEFERRED")
        batch = items[place : place + BATCH]
        tickets = [
            Ticket(
                project=project,
                number=number,
                key=f"{project.key}-{number}",
                title=item.title,
                description=item.description,
                priority=item.priority,
                labels=list(item.labels),
                workflow=workflow,
                phase=last if item.done else plan.start,
                source=source,
                source_id=item.id,
                external_ref=item.external_ref,
                events=1,
                created_at=item.created_at or now,
                paused=bool(item.pause),
                paused_at=now if item.pause else None,
                pause_reason=item.pause,
            )
            for number, item in enumerate(batch, first + place)
        ]
        sql.copy_in(tickets)
        sql.copy_in([_first_move(ticket, by) for ticket in tickets])
        sql.copy_in(
            [_opened_event(ticket, item.holds, by) for ticket, item in zip(tickets, batch, strict=True)]
        )
        specs = [
            TaskSpec(
                item.title,
                kind=item.kind,
                phase=works,
                ended=item.done,
                ended_at=item.closed_at,
                not_before=item.not_before,
            )
            for item in batch
        ]
        tasks = Task.objects.import_tasks(list(zip(tickets, specs, strict=True)), now=now, by=by)
        yield from zip(tickets, tasks, strict=True)


def _last_phase(workflow: Workflow) -> str:
    """The phase of finished work."""
    ends = [phase.name for phase in workflow.plan.phases if phase.terminal]
    if not ends:
        raise Invalid(f"{workflow} has no last phase, so it cannot take finished work", field="workflow")
    return ends[-1]


def _first_move(ticket: Ticket, by: Actor) -> PhaseMove:
    reason = _reason(ticket)
    ground = PhaseMove.Ground.IMPORTED if reason else PhaseMove.Ground.BORN
    return PhaseMove(
        ticket=ticket, move=0, to_phase=ticket.phase, ground=ground, reason=reason, by=label(by), key=via(by)
    )


def _opened_event(ticket: Ticket, blocks: bool, by: Actor) -> Event:
    return Event(
        project_id=ticket.project_id,
        topic=ticket.topic,
        subject=ticket.subject,
        number=ticket.events,
        kind="ticket.opened",
        actor=label(by),
        key=via(by),
        data={
            "title": ticket.title,
            "phase": ticket.phase,
            "source": ticket.source,
            "source_id": ticket.source_id,
        }
        | ({"paused": ticket.pause_reason} if ticket.paused else {})
        | ({} if blocks else {"blocks": False}),  # for later imports: nothing waits for it
        reason=_reason(ticket),
    )


def _reason(ticket: Ticket) -> str:
    """Why it starts past the first phase."""
    return "" if ticket.phase == ticket.plan.start else f"closed in {ticket.source}"
