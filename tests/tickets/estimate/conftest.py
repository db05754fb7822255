"""Histories with known times: work that was completed, tickets that are done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tests.support.past import moved_at, times_free
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.runtime import estimate_sweep

ONE_PHASE = {
    "name": "one_phase",
    "phases": [
        {"name": "WORK", "to": ["DONE"], "automatic": "on_completion"},
        {"name": "DONE", "to": []},
    ],
}
TOOK = """
UPDATE tickets_task
SET
  ended_at = clock_timestamp() - %(ago)s * interval '1 s',
  claimed_at = clock_timestamp() - (%(ago)s + %(work)s) * interval '1 s',
  ready_at = clock_timestamp() - (%(ago)s + %(work)s + %(wait)s) * interval '1 s'
WHERE id = %(id)s
"""


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """However slow the machine is, a turn of a sweep looks at all that it may."""
    monkeypatch.setattr(estimate_sweep, "SPAN_S", 600.0)


@pytest.fixture
def flow(project):
    """A workflow with one phase before the last, which a ticket leaves by itself."""
    return allow_workflow(project, Workflow.objects.install(ONE_PHASE))


@pytest.fixture
def opened(project, operator, flow):
    """Open a ticket of the workflow with these tasks."""

    def opened(*specs, title="Go", workflow=flow):
        return Ticket.objects.open(
            project, TicketSpec(title, workflow=workflow, tasks=list(specs)), by=operator
        )

    return opened


@pytest.fixture
def worked(opened, ada):
    """Work of past tickets, each piece {title, work, wait, ago in seconds} of a ticket of its own."""

    def worked(*works, wait=0.0, ago=0.0, title="do it", **more):
        for number, work in enumerate(works):
            ticket = opened(TaskSpec(title, **more), title=f"Past {number}")
            [task] = ticket.tasks.all()
            [claim] = Task.objects.claim(by=ada)
            assert claim.task == task.pk
            complete(claim, by=ada)
            took(task, work, wait=wait, ago=ago)

    return worked


def took(task, work, *, wait=0.0, ago=0.0):
    """This completed task took so many seconds, and waited so long before."""
    sql.rows(TOOK, {"id": task.pk, "work": work, "wait": wait, "ago": ago})


def claimed_before(task, seconds):
    """It was claimed so many seconds ago."""
    Task.objects.filter(pk=task.pk).update(claimed_at=before(seconds))


def ready_before(task, seconds):
    """It was ready so many seconds ago, and its ticket was where it is."""
    Task.objects.filter(pk=task.pk).update(ready_at=before(seconds))
    ticket = Ticket.objects.get(pk=task.ticket_id)
    with times_free():
        moved_at(ticket, ticket.moves, before(seconds))


def before(seconds):
    return datetime.now(UTC) - timedelta(seconds=seconds)
