"""Pages of workflows and gates take as many statements for many rows as for few."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member, Project, ProjectSpec
from tests.factories import allow_workflow, submit
from tickets.gates import registry
from tickets.models import TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db
no_savepoints = pytest.mark.django_db(transaction=True)  # which checks make inside a transaction

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


def test_a_comparison_of_any_revisions_of_any_length(statements, ticket, operator):
    counts, made = [], []
    for number in (2, 30):
        for revision in range(number):
            text = "".join(f"{line} of {revision}\n" for line in range(number * 20))
            made.append(submit(ticket, "log", text.encode(), by=operator))
        at = f"/tickets/{ticket.key}/artifacts/{made[-1].pk}/compare/"
        counts.append([statements(at), statements(f"{at}?with={made[0].pk}")])

    assert counts[0] == counts[1]


def test_new_tickets_and_projects_for_any_number_of_projects_and_workflows(statements, project, operator):
    pages = ("/new-ticket/", "/new-ticket/?project=OMO", "/new-project/", "/new-project/?workflow=more_1")
    counts = []
    for number in (2, 20):
        for n in range(number):
            name = f"more_{number}_{n}"
            Workflow.objects.install({**GATED, "name": name}, by=operator)
            spec = ProjectSpec(f"P{number}X{n}", workflow=name, workflows=["simple", name])
            Project.objects.create_project(spec, by=operator)
        counts.append([statements(page) for page in pages])

    assert counts[0] == counts[1]


def test_new_tickets_of_a_member_of_any_number_of_projects(
    statements, client, project, operator, django_user_model
):
    person = django_user_model.objects.create_user("eve")
    client.force_login(person)
    client.get("/board/")
    counts = []
    for number in (2, 20):
        for n in range(number):
            made = Project.objects.create_project(ProjectSpec(f"P{number}X{n}"), by=operator)
            Member.objects.create(project=made, user=person, role="operator" if n % 2 else "viewer")
        counts.append([statements("/new-ticket/"), statements(f"/new-ticket/?project=P{number}X0")])

    assert counts[0] == counts[1]


def previewed(statements, project, operator, gate, numbers=(1, 18), **more):
    """The statements of a preview of so many tickets, of which each has an artifact and a task; then of so
    many more.
    """
    first = allow_workflow(project, Workflow.objects.install(GATED, by=operator))
    phases = [{**GATED["phases"][0], "gate": gate, **more}, GATED["phases"][1]]
    Workflow.objects.install({**GATED, "phases": phases}, by=operator)
    keys, counts = [], []
    for number in numbers:
        for _ in range(number):
            spec = TicketSpec("x", workflow=first, tasks=[TaskSpec("Write it")])
            keys.append(Ticket.objects.open(project, spec, by=operator))
            submit(keys[-1], "report", b"done", by=operator)
        chosen = "&".join(f"ticket={ticket.key}" for ticket in keys)
        counts.append(statements(f"/workflows/counted/tickets/?to=2&{chosen}"))
    return counts


@no_savepoints
def test_the_preview_of_versions_for_any_number_of_tickets(statements, project, operator):
    gate = [
        {"check": "artifact", "type": "report"},
        {"check": "tasks_completed"},
        {"check": "acceptance"},
        {"check": "min_coverage", "percent": 85},
    ]
    few, many = previewed(statements, project, operator, gate, approvals={"count": 1, "role": "approver"})

    assert few == many


@no_savepoints
def test_the_preview_of_versions_with_a_review_takes_two_statements_for_each_ticket(
    statements, project, operator
):
    few, many = previewed(statements, project, operator, [{"check": "agent_review"}])

    assert many - few == 2 * 18


@no_savepoints
def test_the_preview_of_versions_for_tickets_of_any_number_of_projects(
    statements, client, project, operator, django_user_model
):
    workflow = allow_workflow(project, Workflow.objects.install(GATED, by=operator))
    Workflow.objects.install({**GATED, "phases": [{**GATED["phases"][0], "gate": []}, GATED["phases"][1]]})
    person = django_user_model.objects.create_user("eve")
    client.force_login(person)
    client.get("/board/")
    keys, counts = [], []
    for number in (1, 15):
        for n in range(number):
            spec = ProjectSpec(f"P{number}X{n}", workflow="counted")
            made = Project.objects.create_project(spec, by=operator)
            Member.objects.create(project=made, user=person, role="viewer" if n % 2 else "admin")
            keys.append(Ticket.objects.open(made, TicketSpec("x", workflow=workflow), by=operator).key)
        chosen = "&".join(f"ticket={key}" for key in keys)
        counts.append(statements(f"/workflows/counted/tickets/?to=2&{chosen}"))

    assert counts[0] == counts[1]
