"""A title or name in which nobody sees anything comes in by no door; an import replaces it and says so."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.urls import reverse

from agents.models import Agent, Project
from omoi_site.errors import Invalid
from tests.factories import submit
from tests.support.api_client import api_of
from tests.support.backlog_files import import_issues, issue
from tests.support.html import squeeze
from tickets import interchange
from tickets.models import Artifact, Comment, ContextNote, Link, Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

UNSEEN = ["\u200b\u200b", "\u2800\ufe0f", "\u2060 \u3164"]
unseen = pytest.mark.parametrize("text", UNSEEN)


def stored():
    """All texts that people read as titles and names."""
    return [
        sorted(model.objects.values_list(*names))
        for model, *names in (
            (Project, "name"),
            (Agent, "capabilities", "tags"),
            (Ticket, "title", "labels"),
            (Task, "title", "kind", "capabilities"),
            (Artifact, "name"),
            (ContextNote, "text"),
        )
    ]


def notice(page):
    return squeeze(page.content.decode()).partition('id="refused"')[2].partition("<form")[0]


@unseen
def test_no_verb_takes_it(project, ticket, task, operator, text):
    before = stored()
    verbs = [
        lambda: Ticket.objects.open(project, TicketSpec(text), by=operator),
        lambda: Ticket.objects.open(project, TicketSpec("x", labels=[text]), by=operator),
        lambda: Ticket.objects.act(ticket.pk, "edit", by=operator, title=text),
        lambda: Ticket.objects.act(ticket.pk, "edit", by=operator, acceptance=[text]),
        lambda: Task.objects.add(ticket, [TaskSpec(text)], by=operator),
        lambda: Task.objects.add(ticket, [TaskSpec("x", kind=text)], by=operator),
        lambda: Task.objects.add(ticket, [TaskSpec("x", capabilities=[text])], by=operator),
        lambda: Task.objects.edit(task.pk, by=operator, title=text),
        lambda: submit(ticket, "plan", b"x", by=operator, name=text),
        lambda: Workflow.objects.install(
            {"name": "blank", "phases": [{"name": "WORK", "to": [], "tasks": [{"title": text}]}]}
        ),
    ]

    for verb in verbs:
        with pytest.raises(Invalid):
            verb()

    assert stored() == before


@unseen
def test_the_api_names_the_field(project, ticket, task, operator, text):
    before, calls, at = stored(), api_of(operator), f"/tickets/{ticket.key}"
    answers = {
        "name": [
            calls.post("/projects", {"key": "NEW", "name": text}),
            calls.patch(f"/projects/{project.key}", {"name": text}),
            calls.post(f"{at}/artifacts", {"type": "plan", "content": "x", "name": text}),
        ],
        "title": [calls.post("/tickets", {"project": project.key, "title": text})],
        "labels.0": [calls.post("/tickets", {"project": project.key, "title": "x", "labels": [text]})],
        "tasks.0.title": [calls.post(f"{at}/tasks", {"tasks": [{"title": text}]})],
        "tasks.0.kind": [calls.post(f"{at}/tasks", {"tasks": [{"title": "x", "kind": text}]})],
        "capabilities.0": [
            calls.post("/agents", {"name": "eve", "projects": [project.key], "capabilities": [text]})
        ],
        "decisions.0": [calls.post(f"{at}/context", {"decisions": [text]})],
    }
    for path, field in ((at, "title"), (f"/tasks/{task.pk}", "title"), (f"/tasks/{task.pk}", "kind")):
        answers.setdefault(field, []).append(calls.patch(path, {field: text}))

    for field, those in answers.items():
        for answer in those:
            assert answer.status_code == 422, (field, answer.json())
            assert {fault["field"] for fault in answer.json()["errors"]} == {field}
    assert stored() == before


@unseen
def test_pages_admin_and_command_keep_what_was_typed(project, ticket, operator, client, text):
    before = stored()
    client.force_login(operator)
    typed = {"project": project.key, "title": text, "description": "kept as it is"}

    page = client.post("/new-ticket/", typed)
    assert page.status_code == 422
    assert "no visible character" in notice(page)
    assert "kept as it is" in page.content.decode()
    page = client.post("/new-project/", {"key": "NEW", "name": text})
    assert page.status_code == 422
    assert "no visible character" in notice(page)
    form = {"title": text, "description": "", "priority": 2, "labels": "", "acceptance": "", "version": 1}
    page = client.post(reverse("admin:tickets_ticket_change", args=[ticket.pk]), form)
    assert page.status_code == 200
    assert "no visible character" in page.content.decode()
    with pytest.raises(Invalid, match="no visible character"):
        call_command("tickets", "open", project.key, text)

    assert stored() == before


@unseen
def test_an_import_replaces_or_leaves_out_what_nobody_sees(project, text):
    comment = {"author": text, "text": "Really?", "created_at": "2026-01-01T00:00:00Z"}
    report = import_issues(
        project,
        issue(
            "bd-1",
            title=text,
            issue_type=text,
            status=text,
            labels=[text, "ui"],
            external_ref=text,
            comments=[comment, {**comment, "text": text}],
        ),
        issue("bd-2", title="  "),
    )

    first, second = Ticket.objects.order_by("number")
    assert (first.title, first.labels, first.external_ref, first.paused) == (
        "bd-1",
        ["ui", "open"],
        "",
        False,
    )
    assert (second.title, Task.objects.get(ticket=first).kind) == ("bd-2", "task")
    assert list(Comment.objects.values_list("author", "body")) == [("", "Really?")]
    left_out = "status, issue_type, external_ref, labels, authors of comments, comments"
    assert report["warnings"] == [
        f"line 1: left out, because they have no visible character: {left_out}",
        "line 1: the title of bd-1 has no visible character. Its id is the title",
        "line 2: the title of bd-2 has no visible character. Its id is the title",
    ]


@unseen
def test_an_import_needs_ids_and_relations_that_people_can_read(project, text):
    for bad in (issue(text), issue("bd-1", ("blocks", text)), issue("bd-1", (text, "bd-2"))):
        with pytest.raises(Invalid, match=r"line 1: .*has no visible character"):
            import_issues(project, bad)
    assert not Ticket.objects.exists()
    assert not Link.objects.exists()


@unseen
def test_a_recorded_workflow_gets_titles_that_people_can_read(project, text):
    ran = [{"id": "a", "command": {"program": text}}]

    def bring(task):
        document = {
            "name": text,
            "workflow": {"specification": {"tasks": [task]}, "execution": {"tasks": ran}},
        }
        file = io.BytesIO(json.dumps(document).encode())
        return interchange.run("wfformat", file, project=project, by="system:test").as_dict()

    report = bring({"id": "a", "name": text})

    assert Ticket.objects.get().title == "WfFormat workflow"
    assert list(Task.objects.values_list("title", "kind")) == [("a", "task")]
    assert report["warnings"][:2] == [
        "the name has no visible character; WfFormat workflow is the title",
        "tasks whose name has no visible character; the title is their id: 1",
    ]
    ran.clear()
    with pytest.raises(Invalid, match="task 1: its id: it has no visible character"):
        bring({"id": text, "name": "x"})
