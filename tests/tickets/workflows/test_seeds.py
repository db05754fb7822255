"""The tasks with which a phase begins: every part of them, and what happens when a ticket comes again."""

from __future__ import annotations

import pytest

from agents.models import Agent
from tests.factories import allow_workflow, complete
from tickets.models import Need, Task, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = [
    {
        "ref": "write",
        "title": "{ticket}: write {title}",
        "description": "In {phase}, for {ticket}. {unknown} stays.",
        "kind": "writing",
        "priority": "high",
        "capabilities": ["python"],
        "timeout_s": 600,
        "max_attempts": 2,
    },
    {"title": "Say it", "needs": ["write"], "profile": "echo", "slots": {"text": "{ticket} in {phase}"}},
]
PHASES = [
    {"name": "PLAN", "to": ["WORK"]},
    {"name": "WORK", "to": ["DONE"], "tasks": SEEDS},
    {"name": "DONE", "to": []},
]


@pytest.fixture
def ticket(project, operator):
    workflow = Workflow.objects.install({"name": "seeded", "phases": PHASES}, by=operator)
    allow_workflow(project, workflow)
    project.profiles = ["echo"]
    project.save()
    opened = Ticket.objects.open(project, TicketSpec("the note {phase}", workflow=workflow), by=operator)
    assert not opened.tasks.exists()
    Ticket.objects.move(opened.pk, "WORK", by=operator)
    return opened


def tasks(ticket, **which):
    return list(Task.objects.filter(ticket=ticket, **which).order_by("id"))


def test_a_seeded_task_has_every_part_of_its_document(ticket):
    write, say = tasks(ticket)
    assert (write.title, write.kind, write.phase, write.priority) == (
        "OMO-1: write the note {phase}",
        "writing",
        "WORK",
        1,
    )
    assert write.description == "In WORK, for OMO-1. {unknown} stays."
    assert (write.capabilities, write.timeout_s, write.max_attempts) == (["python"], 600, 2)
    assert (say.profile, say.slots) == ("echo", {"text": "OMO-1 in WORK"})
    assert (say.priority, say.capabilities, say.max_attempts) == (2, [], 3)
    assert list(Need.objects.values_list("parent", "child")) == [(write.pk, say.pk)]


def test_capabilities_and_needs_decide_who_may_claim_it_and_when(ticket, ada, bob):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["python"])
    Agent.objects.filter(pk=bob.pk).update(capabilities=[])
    assert Task.objects.claim(by=Agent.objects.get(pk=bob.pk)) == []
    [claim] = Task.objects.claim(by=Agent.objects.get(pk=ada.pk))
    [_, say] = tasks(ticket)
    assert say.open_needs == 1
    complete(claim, by=ada)
    say.refresh_from_db()
    assert say.open_needs == 0


def come_again(ticket, operator):
    Ticket.objects.move(ticket.pk, "PLAN", by=operator, reason="not yet")
    Ticket.objects.move(ticket.pk, "WORK", by=operator)


def test_what_is_still_open_is_not_added_again(ticket, operator):
    before = [task.pk for task in tasks(ticket)]
    come_again(ticket, operator)
    assert [task.pk for task in tasks(ticket)] == before
    assert not any(task.held for task in tasks(ticket))


def test_what_has_ended_is_added_again_and_waits_for_what_is_there(ticket, operator):
    write, say = tasks(ticket)
    Task.objects.act(say.pk, "cancel", by=operator, reason="not now")
    come_again(ticket, operator)
    [again] = tasks(ticket, state="pending", title="Say it")
    assert again.pk not in (write.pk, say.pk)
    assert Need.objects.filter(parent=write, child=again).exists()


def test_work_that_was_done_is_done_again(ticket, operator, ada):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["python"])
    [claim] = Task.objects.claim(by=Agent.objects.get(pk=ada.pk))
    complete(claim, by=ada)
    come_again(ticket, operator)
    assert [task.title for task in tasks(ticket, state="pending")] == [
        "Say it",
        "OMO-1: write the note {phase}",
    ]


def test_unblocking_adds_nothing(ticket, operator):
    Ticket.objects.act(ticket.pk, "block", by=operator, reason="waits", cause="clarification")
    Ticket.objects.act(ticket.pk, "unblock", by=operator)
    assert len(tasks(ticket)) == 2
