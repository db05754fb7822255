"""Pages of workflows and gates take as many statements for many rows as for few."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import allow_workflow, submit
from tickets.gates import registry
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

GATED = {
    "name": "counted",
    "phases": [
        {"name": "WORK", "to": ["DONE"], "gate": [{"check": "acceptance"}]},
        {"name": "DONE", "to": []},
    ],
}


@pytest.fixture
def statements(client, operator):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use

    def statements(address):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    return statements


def test_the_page_of_checks_for_any_number_of_checks(statements, monkeypatch):
    few = statements("/checks/")
    one = registry.registered()["artifact"]
    monkeypatch.setattr(registry, "_checks", {f"check_{n}": one for n in range(60)})

    assert statements("/checks/") == few


def test_statistics_and_the_change_of_versions_for_any_number_of_tickets(statements, project, operator):
    first = allow_workflow(project, Workflow.objects.install(GATED, by=operator))
    pages = ("/workflows/counted/statistics/", "/workflows/counted/tickets/", "/workflows/")
    counts = []
    for number in (2, 20):
        for _ in range(number):
            ticket = Ticket.objects.open(project, TicketSpec("x", workflow=first), by=operator)
            Ticket.objects.open(project, TicketSpec("x", workflow=first), by=operator)
            Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")
        if number == 2:
            slower = {**GATED, "phases": [{**GATED["phases"][0], "gate": []}, GATED["phases"][1]]}
            Workflow.objects.install(slower, by=operator)
        counts.append([statements(page) for page in pages])

    assert counts[0] == counts[1]


def test_a_ticket_with_any_number_of_criteria_and_artifacts(statements, project, operator):
    workflow = allow_workflow(project, Workflow.objects.install(GATED, by=operator))
    counts = []
    for number in (1, 40):
        criteria = [f"It does {n}" for n in range(number)]
        spec = TicketSpec("x", workflow=workflow, acceptance=criteria)
        ticket = Ticket.objects.open(project, spec, by=operator)
        for n in range(number):
            submit(ticket, f"report_{n}", b"done", by=operator)
            Ticket.objects.act(ticket.pk, "answer", by=operator, number=n + 1, evidence=f"report_{n}")
        Ticket.objects.judge(pk=ticket.pk, by=operator)
        where = f"/tickets/{ticket.key}/"
        counts.append([statements(where + page) for page in ("", "criteria/", "answer/", "artifacts/")])

    assert counts[0] == counts[1]
