"""Pages that begin something: a project, a ticket, evidence; each works as a plain form."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agents.models import Member, Project, ProjectSpec
from tests.support.html import squeeze
from tickets.models import Artifact, Ticket, Workflow

pytestmark = pytest.mark.django_db

TEXT = """\
name: quick
phases:
- name: DOING
  to: [DONE]
  gate:
  - {check: artifact, type: report}
- name: DONE
  to: []
"""


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


def text(answer):
    return squeeze(answer.content.decode())


def test_from_nothing_to_done_on_pages_alone(page):
    assert 'href="/new-project/"' in text(page.get("/board/"))
    saved = page.post("/new-workflow/", {"text": TEXT, "version": "0"}, follow=True)
    assert 'href="/new-project/?workflow=quick"' in text(saved)
    assert "<option selected>quick</option>" in text(page.get("/new-project/?workflow=quick"))

    made = page.post("/new-project/", {"key": "pay", "name": "Payments", "workflow": "quick"}, follow=True)
    assert made.redirect_chain == [("/new-ticket/?project=PAY", 302)]
    opened = page.post("/new-ticket/", {"project": "PAY", "title": "Ship it", "description": "a\r\nb"})
    assert opened["Location"] == "/tickets/PAY-1/"
    shown = text(page.get("/tickets/PAY-1/"))
    assert 'href="/tickets/PAY-1/artifacts/?type=report#submit"' in shown

    file = SimpleUploadedFile("report.md", b"# Done")
    page.post("/tickets/PAY-1/artifacts/", {"type": "report", "file": file})
    page.post("/tickets/PAY-1/advance/", {"to": "DONE"})

    ticket = Ticket.objects.get(key="PAY-1")
    assert (ticket.phase, ticket.description, ticket.workflow.name) == ("DONE", "a\nb", "quick")
    assert Artifact.objects.get().name == "report.md"


def test_what_was_typed_stays_with_the_refusal(page, project):
    bad = page.post("/new-project/", {"key": "O-1", "name": "Kept", "workflow": "simple"})
    assert (bad.status_code, 'value="Kept"' in text(bad)) == (422, True)
    taken = page.post("/new-project/", {"key": "OMO", "name": "Kept", "workflow": "simple"})
    assert (taken.status_code, "There is a project OMO already" in text(taken)) == (422, True)
    bad = page.post("/new-ticket/", {"project": "OMO", "title": "x" * 400, "description": "Kept"})
    assert (bad.status_code, "Kept</textarea>" in text(bad)) == (422, True)
    assert page.post("/new-ticket/", {"project": "OMO", "title": "x", "workflow": "none"}).status_code == 422
    assert page.post("/new-ticket/", {"project": "NONE", "title": "x"}).status_code == 404
    assert not Ticket.objects.exists()


def test_a_file_that_cannot_be_taken_is_refused(page, ticket):
    at = f"/tickets/{ticket.key}/artifacts/"
    for wrong in ({"type": ""}, {"type": "x" * 200}, {"name": "a\u200bb"}):
        answer = page.post(at, {"text": "kept", "type": "report", **wrong})
        assert (answer.status_code, "kept</textarea>" in text(answer)) == (422, True), wrong
    assert page.post(at, {"type": "report", "text": "a\x00b"}).status_code == 422
    assert page.post("/new-ticket/", {"project": "OMO", "title": "a\x00b"}).status_code == 400
    assert not Artifact.objects.exists()
    assert page.get("/tickets/OMO-99/artifacts/").status_code == 404


def test_a_project_takes_another_workflow_from_its_page(page, project, operator):
    Workflow.objects.install(TEXT, by=operator)
    assert "<option>OMO</option>" in text(page.get("/workflows/quick/"))
    page.post("/workflows/quick/use/", {"project": "OMO"})
    project.refresh_from_db()
    assert (project.workflow, project.workflows) == ("quick", ["simple"])
    assert page.post("/workflows/quick/use/", {"project": "NONE"}).status_code == 404


def test_a_refusal_looks_like_one(client, project, operator, django_user_model):
    Workflow.objects.install(TEXT, by=operator)
    viewer = django_user_model.objects.create_user("viewer")
    Member.objects.create(project=project, user=viewer, role="viewer")
    client.force_login(viewer)

    told = text(client.post("/workflows/quick/use/", {"project": "OMO"}, follow=True))

    assert '<p class="notice bad message" role="alert">' in told
    assert "This needs the scope admin in project OMO, which you do not have. Ask" in told
    assert "notice ok" not in told


def test_a_new_project_follows_the_built_in_workflow_unless_another_is_chosen(page, operator):
    Workflow.objects.install(TEXT, by=operator)
    assert "<option selected>software_delivery</option>" in text(page.get("/new-project/"))
    assert "<option selected>quick</option>" in text(page.get("/new-project/?workflow=quick"))


def test_what_is_typed_holds_for_whichever_project_is_chosen(page, project, operator):
    """One form has the project too, so choosing another one loses nothing."""
    Workflow.objects.install(TEXT, by=operator)
    other = Project.objects.create_project(
        ProjectSpec("PAY", workflow="quick", workflows=["quick"]), by=operator
    )
    shown = text(page.get("/new-ticket/?project=PAY"))
    assert '<option value="PAY" selected>' in shown
    names = ("simple", "quick")
    assert "".join(f'<option value="{name}">{name}</option>' for name in names) in shown.replace("> <", "><")

    refused = page.post("/new-ticket/", {"project": "PAY", "title": "Kept", "workflow": "simple"})
    assert (refused.status_code, 'value="Kept"' in text(refused)) == (422, True)
    assert page.post("/new-ticket/", {"project": "PAY", "title": "Kept", "workflow": ""}).status_code == 302
    assert Ticket.objects.get().workflow.name == other.workflow


def test_rights_are_those_of_the_verbs(client, project, operator, django_user_model, ticket):
    Workflow.objects.install(TEXT, by=operator)
    viewer = django_user_model.objects.create_user("viewer")
    Member.objects.create(project=project, user=viewer, role="viewer")
    client.force_login(viewer)
    assert client.post("/new-project/", {"key": "MINE", "workflow": "simple"}).status_code == 403
    assert "no project in which you may open tickets" in text(client.get("/new-ticket/"))
    assert "You need the role of an operator in OMO" in text(client.get("/new-ticket/?project=OMO"))
    assert client.post("/new-ticket/", {"project": "OMO", "title": "x"}).status_code == 403
    assert client.post(f"/tickets/{ticket.key}/artifacts/", {"type": "a", "text": "b"}).status_code == 403
    client.post("/workflows/quick/use/", {"project": "OMO"})
    project.refresh_from_db()
    assert (project.workflow, Project.objects.count(), Ticket.objects.count()) == ("simple", 1, 1)
    Member.objects.filter(user=viewer).update(role="operator")
    assert client.post("/new-ticket/", {"project": "OMO", "title": "x"}).status_code == 302
