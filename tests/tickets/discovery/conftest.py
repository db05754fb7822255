from __future__ import annotations

import pytest

from tests.factories import allow_workflow
from tickets.models import NewDiscovery, Outcome, Task, TaskSpec, Ticket, TicketSpec, Workflow

DOCUMENT = {
    "name": "mapped",
    "phases": [
        {"name": "PLAN", "to": ["BUILD"]},
        {"name": "BUILD", "to": ["TEST", "PLAN"]},
        {"name": "TEST", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ],
    "discoveries": {
        "bug": {"make": "task", "title": "Repair: {discovery}", "priority": "high"},
        "optimization": {"make": "ticket", "priority": "low"},
        "needs_clarification": {"make": "task", "phase": "PLAN", "description": "Ask about {ticket}."},
    },
}


@pytest.fixture
def ticket_of(project, operator):
    """Open a ticket of this document, moved on once, with a ready task."""

    def opened(document):
        workflow = Workflow.objects.install(document)
        if workflow.name not in project.workflows:
            allow_workflow(project, workflow)
        opened = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
        with Ticket.objects.locked(pk=opened.pk) as locked:
            locked.advance(by=operator)
        ticket = Ticket.objects.get(pk=opened.pk)
        Task.objects.add(ticket, [TaskSpec("Write it")], by=operator)
        return ticket

    return opened


@pytest.fixture
def mapped(ticket_of):
    """A ticket in BUILD of a workflow that maps three types, with a ready task."""
    return ticket_of(DOCUMENT)


def complete_with(claim, *found, by):
    """Complete a claim with discoveries, each a type, a title and perhaps a text."""
    outcome = Outcome(
        claim.task, claim.fence, "completed", discoveries=[NewDiscovery(*each) for each in found]
    )
    [settled] = Task.objects.settle([outcome], by=by)
    return settled.or_raise()
