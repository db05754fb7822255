"""Which workflows a project's tickets may follow: an easier one would bypass every gate."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from agents.models import Event, Project, ProjectSpec
from omoi_site.database import sql as db
from tests.support.api_client import api_of
from tickets.models import Ticket, TicketSpec, Workflow
from tickets.models.workflow import WorkflowNotAllowed

pytestmark = pytest.mark.django_db

BACKLOG = json.dumps({"id": "a", "title": "Taken over", "priority": 1})


@pytest.fixture
def calls(operator):
    return api_of(operator)


@pytest.fixture
def gated(operator):
    """A project whose tickets go through gates."""
    return Project.objects.create_project(ProjectSpec("GATED"), by=operator)


def test_a_ticket_follows_its_projects_workflow_or_one_the_project_allows(gated, operator, calls):
    refused = calls.post("/tickets", {"project": "GATED", "title": "x", "workflow": "simple"})
    assert (refused.status_code, refused.json()["code"]) == (422, "workflow_not_allowed")
    assert refused.json()["errors"][0]["field"] == "workflow"
    assert "software_delivery" in refused.json()["detail"]
    assert "simple" in refused.json()["detail"]
    assert Event.objects.filter(kind="ticket.birth_refused").count() == 1

    assert calls.patch("/projects/GATED", {"workflows": ["simple", "simple"]}).json()["workflows"] == [
        "simple"
    ]
    assert calls.post("/tickets", {"project": "GATED", "title": "x", "workflow": "simple"}).status_code == 201
    assert (
        calls.post("/tickets", {"project": "GATED", "title": "x"}).json()["workflow"]["name"]
        == "software_delivery"
    )


def test_an_import_follows_an_allowed_workflow_only(gated, calls):
    body = {"format": "beads", "project": "GATED", "document": BACKLOG}
    for more in ({}, {"workflow": "simple"}, {"dry_run": True}):
        refused = calls.post("/imports", {**body, **more})
        assert (refused.status_code, refused.json()["code"]) == (422, "workflow_not_allowed")
        assert "software_delivery, not simple" in refused.json()["detail"]
    assert not Ticket.objects.exists()

    assert calls.post("/imports", {**body, "workflow": "software_delivery"}).status_code == 201
    assert Ticket.objects.get().phase == "BACKLOG"


def test_the_command_imports_into_a_new_project_that_follows_simple(gated, tmp_path):
    file = tmp_path / "issues.jsonl"
    file.write_text(BACKLOG)
    with pytest.raises(WorkflowNotAllowed, match="software_delivery, not simple"):
        call_command("import", "beads", str(file), project="GATED")
    call_command("import", "beads", str(file), project="FRESH")

    assert Project.objects.get(key="FRESH").workflow == "simple"
    assert list(Ticket.objects.values_list("project__key", "workflow__name")) == [("FRESH", "simple")]


@pytest.mark.parametrize(
    "door", ["a verb with a stale project", "the model", "in bulk", "into another project"]
)
def test_no_ticket_is_born_past_the_gates_by_another_workflow(gated, project, operator, door):
    simple = Workflow.objects.latest_of("simple")
    row = {"project": gated, "number": 1, "key": "GATED-1", "title": "x", "workflow": simple, "phase": "TODO"}
    other = Ticket.objects.open(project, TicketSpec("x"), by=operator)
    gated.workflows = ["simple"]  # in this copy only

    ways = {
        "a verb with a stale project": lambda: Ticket.objects.open(
            gated, TicketSpec("x", workflow=simple), by=operator
        ),
        "the model": lambda: Ticket.objects.create(**row),
        "in bulk": lambda: Ticket.objects.bulk_create([Ticket(**row)]),
        "into another project": lambda: Ticket.objects.filter(pk=other.pk).update(project=gated),
    }
    with pytest.raises((WorkflowNotAllowed, IntegrityError)), transaction.atomic():
        ways[door]()
    assert not Ticket.objects.filter(project=gated).exists()


def test_a_project_names_installed_workflows_only(gated, calls):
    for field, value in (("workflow", "nowhere"), ("workflows", ["simple", "nowhere"])):
        refused = calls.patch("/projects/GATED", {field: value})
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_workflow")
        assert refused.json()["errors"][0]["field"] == field
    assert calls.patch("/projects/GATED", {"workflows": [f"w{n}" for n in range(51)]}).status_code == 422
    assert Project.objects.get(key="GATED").workflows == []


def test_who_writes_tickets_cannot_allow_a_workflow(gated, ada):
    assert api_of(ada, "work", "tickets:write").patch(
        "/projects/GATED", {"workflows": ["simple"]}
    ).status_code in (403, 404)


def test_projects_from_before_allow_what_their_tickets_use(project, operator):
    """What the migration did for them, on a project as it was."""
    from tickets.migrations import __path__ as folder

    Ticket.objects.open(project, TicketSpec("x"), by=operator)
    Project.objects.filter(pk=project.pk).update(workflow="")
    with open(f"{folder[0]}/sql/allowed_workflows.sql") as sql:
        db.rows(sql.read().partition(";")[0])

    project.refresh_from_db()
    assert project.workflows == ["simple"]
    assert (
        Ticket.objects.open(
            project, TicketSpec("y", workflow=Workflow.objects.latest_of("simple")), by=operator
        ).phase
        == "TODO"
    )
