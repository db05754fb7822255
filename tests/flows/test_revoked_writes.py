"""A key is revoked while somebody writes with it, in ways that are no claims: what is answered later happened
later.
"""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Agent, AgentUnavailable, Event, Key, rights
from agents.models.key_hold import Unauthorized
from tests.support.concurrency import meanwhile
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)


def edit(task, by):
    Task.objects.edit(task.pk, by=by, title="other")


def move(task, by):
    with Ticket.objects.locked(pk=task.ticket_id) as locked:
        locked.cancel(by=by, reason="no use")


def need(task, by):
    other = Task.objects.exclude(pk=task.pk).get()
    Need.objects.add(task.project_id, [Edge(task.pk, other.pk)], by=by)


WRITES = {
    "opens a ticket": lambda task, by: Ticket.objects.open(task.project, TicketSpec("new"), by=by),
    "adds a task": lambda task, by: Task.objects.add(task.ticket, [TaskSpec("new")], by=by),
    "edits a task": edit,
    "moves a ticket": move,
    "adds a need": need,
    "cancels": lambda task, by: Task.objects.filter(pk=task.pk).cancel(by=by, reason="no use"),
}


@pytest.fixture(params=["agent", "person"])
def writer(request, ada, operator):
    """Who comes with a key."""
    whose = {"agent": ada} if request.param == "agent" else {"user": operator}
    scopes = ["work", "tickets:write"]
    return Key.objects.issue(by=operator, scopes=scopes, **whose)[0].as_caller()


@pytest.fixture(autouse=True)
def other(task, operator):
    return Task.objects.add(task.ticket, [TaskSpec("other")], by=operator)


def revoke(by):
    return Key.objects.filter(prefix=by.via_key).revoke(by="system:test")


def written():
    return (
        list(Task.objects.order_by("pk").values()),
        list(Ticket.objects.order_by("pk").values()),
        Event.objects.exclude(kind="key.revoked").count(),
    )


@pytest.mark.parametrize("write", WRITES)
def test_a_revocation_waits_for_the_writes_that_began_before_it(task, writer, write):
    with meanwhile(lambda: revoke(writer)) as revoking:
        WRITES[write](task, writer)
    assert revoking.answer() == [writer.via_key]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_waited_for_a_revocation_writes_nothing(task, writer, write):
    before = written()
    with meanwhile(lambda: WRITES[write](task, writer)) as writing:
        revoke(writer)
    with pytest.raises(Unauthorized):
        writing.answer()
    assert written() == before


@pytest.mark.parametrize("write", WRITES)
def test_a_quarantined_agent_writes_nothing(task, ada, operator, write):
    caller = Key.objects.issue(by=operator, agent=ada, scopes=["work", "tickets:write"])[0].as_caller()
    Agent.objects.act(ada.pk, "quarantine", by=operator, reason="strange")
    before = written()
    with pytest.raises(AgentUnavailable):
        WRITES[write](task, caller)
    assert written() == before


def test_a_key_is_asked_for_once_a_transaction(task, ada, operator, django_assert_num_queries):
    caller = Key.objects.issue(by=operator, agent=ada)[0].as_caller()
    for _ in range(2):
        with transaction.atomic(), django_assert_num_queries(1):
            rights.require(caller, "work")
            rights.require(caller, "work")
    revoke(caller)
    rights.require(caller, "work")  # reads: the request has been let in
    with pytest.raises(Unauthorized), transaction.atomic():
        rights.require(caller, "work")
