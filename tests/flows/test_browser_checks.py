"""The page of gate checks, and acceptance criteria on a ticket's page, in a browser."""

from __future__ import annotations

import pytest

from tests.factories import allow_workflow, submit
from tests.support.browser import every_look
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]
GATE = [
    {"check": "acceptance"},
    {"check": "agent_review", "asks": "Is it safe to repeat?"},
    {"check": "http", "url": "https://status.example.org/health"},
]


@pytest.fixture
def accepted(project, operator, ada):
    """A ticket with a criterion of each state, whose gate has checks that run later."""
    phases = [{"name": "WORK", "to": ["DONE"], "gate": GATE}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "accepted", "phases": phases}))
    texts = ["A payment is charged once", "A retry gives the same answer", "It answers within 200 ms"]
    spec = TicketSpec("Payments", workflow=workflow, acceptance=texts)
    ticket = Ticket.objects.open(project, spec, by=operator)
    for content in (b"once", b"twice"):
        submit(ticket, "test_results", content, by=ada, name="results.xml")
        submit(ticket, "test_evidence", b"a log", by=ada, name="run.log")
        for number, name in ((1, "run.log"), (2, "results.xml")):
            if content == b"once":
                Ticket.objects.act(ticket.pk, "answer", by=ada, number=number, evidence=name)
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    return ticket


@every_look
def test_the_pages_are_for_everybody(window, accepted, theme, size):
    shown = window(size=size, theme=theme)

    for path in ("/checks/", *(f"/tickets/{accepted.key}/{name}" for name in ("", "criteria/", "answer/"))):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path


def test_a_person_names_the_evidence_of_a_criterion(window, accepted):
    page = window().go(f"/tickets/{accepted.key}/")

    page.click("#acceptance-answer")
    page.wait_for_selector("#action-dialog[open]")
    page.select_option("#action-number", "3")
    page.select_option("#action-evidence", "WORK/run.log")
    page.click("#action-dialog button[type=submit]")
    page.wait_for_selector("#acceptance li:nth-child(3) .key")

    assert [each.state for each in Ticket.objects.get().criteria] == ["answered", "old", "answered"]
