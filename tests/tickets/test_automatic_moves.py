"""Moves a ticket makes by itself: judged once, tried again while something keeps it, and told of."""

from __future__ import annotations

import pytest

from tests.deeds import complete
from tickets.models import Task, TaskSpec, Ticket, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

GATE = [{"check": "artifact", "type": "notes"}]


@pytest.fixture
def made(project, operator, ada):
    """A ticket all of whose work in the gated MAKE is done; from there it goes on to SHIP by itself."""
    phases = [{"name": "MAKE", "to": ["SHIP"], "automatic": "on_completion", "gate": GATE}, {"name": "SHIP", "to": []}]
    workflow = Workflow.objects.install({"name": "making", "phases": phases})
    ticket = Ticket.objects.open(project=project, workflow=workflow, title="x", tasks=[TaskSpec("x")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    return ticket


def now(ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def test_a_gate_that_refuses_leaves_the_version_as_it_was(made):
    before = now(made)

    assert Ticket.objects.advance_due() == 0

    assert made.verdicts.filter(passed=False).count() == 1
    assert (now(made).version, now(made).updated_at) == (before.version, before.updated_at)
