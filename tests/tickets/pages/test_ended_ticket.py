"""What the page of a ticket that ended shows: what was, and no call to do anything."""

from __future__ import annotations

import pytest

from tests.factories import allow_workflow
from tickets.models import TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.mark.parametrize("end", ["DONE", "CANCELLED"])
def test_a_ticket_that_ended_asks_nobody_for_anything(page, project, operator, end):
    phases = [
        {"name": "WORK", "to": ["DONE"], "gate": [{"check": "artifact", "type": "report"}]},
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "short", "phases": phases}))
    ticket = Ticket.objects.open(
        project, TicketSpec("x", workflow=workflow, tasks=[TaskSpec("Write it")]), by=operator
    )
    calls = ["Write down what must be true", 'id="submit-artifact"', "Submit report", "advance the ticket"]
    before = page.get(f"/tickets/{ticket.key}/").content.decode()
    assert [call for call in calls if call not in before] == []
    ticket.tasks.all().cancel(by=operator, reason="not wanted")
    assert "/retry/" in page.get(f"/tickets/{ticket.key}/").content.decode()

    forced = {"force": True} if end == "DONE" else {}
    Ticket.objects.move(ticket.pk, end, by=operator, reason="It was done by hand", **forced)

    text = page.get(f"/tickets/{ticket.key}/").content.decode()
    assert [call for call in [*calls, "/retry/", "appears here", "so far"] if call in text] == []
