"""Moves a ticket makes by itself: judged once, tried again while something keeps it, and told of."""

from __future__ import annotations

import pytest

from tests.deeds import complete
from tests.racing import meanwhile
from tests.tickets.reports import hand_in
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


def test_two_hints_at_once_judge_a_gate_once(made, ada):
    hand_in(made, "notes", b"done", by=ada)

    with meanwhile(lambda: Ticket.objects.advance_due([made.pk])) as second:
        Ticket.objects.judge(pk=made.pk, by="system:workflow")  # the first one has judged and not moved yet

    assert second.answer() == 1
    assert made.verdicts.count() == 1
    assert now(made).phase == "SHIP"


def test_a_hint_that_comes_behind_the_move_judges_nothing_where_no_gate_is(project, operator, ada):
    phases = [
        {"name": "MAKE", "to": ["LOOK"], "automatic": "on_completion", "gate": GATE},
        {"name": "LOOK", "to": ["SHIP"], "automatic": "on_completion"},
        {"name": "SHIP", "to": []},
    ]
    workflow = Workflow.objects.install({"name": "looking", "phases": phases})
    tasks = [TaskSpec("x"), TaskSpec("y", phase="LOOK", ended=True)]
    ticket = Ticket.objects.open(project=project, workflow=workflow, title="x", tasks=tasks, by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    hand_in(ticket, "notes", b"done", by=ada)

    with meanwhile(lambda: Ticket.objects.advance_due([ticket.pk])) as second, Ticket.objects.locked(pk=ticket.pk) as row:
        row.advance(by=operator, verdict=Ticket.objects.judge(pk=ticket.pk, by=operator))

    assert second.answer() == 1
    assert [verdict.phase for verdict in ticket.verdicts.all()] == ["MAKE"]
    assert now(ticket).phase == "SHIP"
