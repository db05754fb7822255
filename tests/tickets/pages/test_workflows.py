"""The pages of workflows: what they show to whom, and that nothing typed is lost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event, Member, Project, ProjectSpec
from tests.support.html import squeeze
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

TEXT = "# why\nname: quick\nphases:\n- {name: TODO, to: [DONE]}\n- {name: DONE, to: []}\n"
FAULTY = TEXT.replace("[DONE]", "[DNOE]")


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def quick(operator):
    return Workflow.objects.install(TEXT, by=operator)


def text(answer):
    return squeeze(answer.content.decode())


def test_the_list_says_which_version_is_in_force_and_who_uses_it(page, ticket, operator, project):
    Workflow.objects.install(Workflow.objects.latest_of("simple").text.replace(", TODO", ""), by=operator)
    shown = text(page.get("/workflows/"))
    assert '<a class="workflow-list-name" href="/workflows/simple/">simple</a>' in shown
    assert '<span class="badge neutral">version 2</span>' in shown
    assert "1 on version 1" in shown
    assert "<dd>OMO</dd>" in shown


def test_a_workflow_is_saved_as_its_next_version(page, quick):
    edited = (
        TEXT.replace("# why", "# because")
        .replace("[DONE]", "[DOING]")
        .replace("- {name: DONE", "- {name: DOING, to: [DONE]}\n- {name: DONE")
    )
    answer = page.post(
        "/workflows/quick/", {"text": edited.replace("\n", "\r\n"), "version": "1"}, follow=True
    )
    assert answer.redirect_chain == [("/workflows/quick/", 302)]
    assert "Version 2 is in force: new tickets follow it." in text(answer)
    assert Workflow.objects.latest_of("quick").source == edited
    assert Event.objects.filter(topic="workflow:quick").latest("id").actor == "user:admin"


def test_a_faulty_text_is_not_saved_and_stays_with_its_faults_beside_their_lines(page, quick):
    answer = page.post("/workflows/quick/", {"text": FAULTY, "version": "1"})
    shown = text(answer)
    assert answer.status_code == 422
    assert FAULTY in answer.content.decode()
    assert "Nothing was saved: the document has 1 fault." in shown
    assert 'data-line="4">Line 4</a>' in shown
    assert '<span class="editor-note" style="--line: 4; --length: 26"' in shown
    assert Workflow.objects.filter(name="quick").count() == 1


def test_a_newer_version_of_somebody_else_is_told_and_the_text_is_kept(page, quick, operator):
    mine = TEXT.replace("TODO", "MINE")
    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)

    told = text(page.post("/check-workflow/", {"text": mine, "name": "quick", "version": "1"}))
    assert "Version 2 is now in force. admin saved it" in told

    refused = page.post("/workflows/quick/", {"text": mine, "version": "1"})
    assert refused.status_code == 412
    assert mine in refused.content.decode()
    assert "admin saved version 2 meanwhile, so nothing was saved." in text(refused)
    assert '<span class="removed">- - {name: THEIRS' in text(refused)
    assert '<input type="hidden" name="version" value="2">' in text(refused)
    assert page.post("/workflows/quick/", {"text": mine, "version": "2"}).status_code == 302
    assert [row.version for row in Workflow.objects.filter(name="quick")] == [3, 2, 1]


def test_a_new_workflow_does_not_replace_one_of_the_same_name(page, quick):
    refused = page.post("/new-workflow/", {"text": TEXT.replace("TODO", "OTHER"), "version": "0"})
    assert refused.status_code == 412
    assert "There is a workflow of this name already" in text(refused)
    assert page.post("/new-workflow/", {"text": TEXT.replace("quick", "other")}).status_code == 302


@pytest.mark.parametrize("begun", ["", "?from=example", "?from=simple", "?from=software_delivery"])
def test_what_a_new_workflow_begins_with_is_valid(page, begun):
    shown = text(page.get(f"/new-workflow/{begun}"))
    assert "Valid </span>" in shown


def test_the_text_in_force_and_old_versions_are_there_to_read(page, quick, operator):
    Workflow.objects.install(TEXT.replace("# why", "# now").replace("TODO", "DOING"), by=operator)
    now, old = page.get("/workflows/quick/"), page.get("/workflows/quick/?version=1")
    assert ("# now" in text(now), "# why" in text(old)) == (True, True)
    assert ("readonly" in text(now), "readonly" in text(old)) == (False, True)
    assert "What changed until version 2" in text(old)
    assert "# why" in text(page.get("/workflows/quick/?from=1"))
    assert page.get("/workflows/quick/?version=3").status_code == 404
    assert page.get("/workflows/quick/?version=x").status_code == 404
    assert page.get("/workflows/nothing/").status_code == 404


def test_everybody_signed_in_reads_and_the_operator_changes(client, quick, project, django_user_model):
    boss = django_user_model.objects.create_user("boss")
    Member.objects.create(project=project, user=boss, role="admin")
    assert client.get("/workflows/")["Location"].startswith("/login/")

    client.force_login(boss)

    assert "readonly" in text(client.get("/workflows/quick/"))
    assert "New workflow" not in text(client.get("/workflows/"))
    assert client.post("/check-workflow/", {"text": TEXT}).status_code == 403
    refused = client.post("/workflows/quick/", {"text": TEXT.replace("TODO", "MINE"), "version": "1"})
    assert refused.status_code == 403
    assert Workflow.objects.filter(name="quick").count() == 1


def test_projects_of_others_are_not_named(client, ticket, operator, django_user_model):
    client.force_login(django_user_model.objects.create_user("stranger"))
    assert "OMO" not in text(client.get("/workflows/"))
    assert "OMO" not in text(client.get("/workflows/simple/"))


def test_pages_take_as_many_statements_for_many_versions_and_projects(page, operator, project):
    def visit(address):
        with CaptureQueriesContext(connection) as asked:
            assert page.get(address).status_code == 200
        return len(asked)

    page.get("/workflows/")
    few = visit("/workflows/"), visit("/workflows/simple/")
    for number in range(12):
        Workflow.objects.install(
            TEXT.replace("quick", "simple").replace("TODO", f"TODO{number}"), by=operator
        )
        other = Project.objects.create_project(ProjectSpec(f"P{number}A", workflow="simple"), by=operator)
        Ticket.objects.open(other, TicketSpec("x"), by=operator)
    assert (visit("/workflows/"), visit("/workflows/simple/")) == few
