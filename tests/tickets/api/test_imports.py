"""POST /imports."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agents.models import Member, Project, ProjectSpec
from tests.support.api_client import ROOT, api_of
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

BACKLOG = "\n".join(
    json.dumps(issue)
    for issue in (
        {"id": "a", "title": "First", "status": "open", "priority": 0},
        {
            "id": "b",
            "title": "Second",
            "status": "open",
            "priority": 2,
            "dependencies": [{"issue_id": "b", "depends_on_id": "a", "type": "blocks"}],
        },
    )
)


def test_a_backlog_is_imported_once_as_document_or_as_file(project, operator):
    calls = api_of(operator)
    told = calls.post("/imports", {"format": "beads", "project": "OMO", "document": BACKLOG})
    assert told.status_code == 201
    assert (told.json()["tickets"]["new"], told.json()["needs"]) == (2, 1)

    upload = {
        "format": "beads",
        "project": "OMO",
        "file": SimpleUploadedFile("issues.jsonl", BACKLOG.encode()),
    }
    again = calls.client.post(f"{ROOT}/imports", upload, headers=calls.headers)
    assert again.status_code == 201
    assert again.json()["tickets"] == {"new": 0, "known": 2, "changed": 0}


def test_a_dry_run_keeps_nothing(project, operator):
    told = api_of(operator).post(
        "/imports", {"format": "beads", "project": "OMO", "document": BACKLOG, "dry_run": True}
    )
    assert told.json()["tickets"]["new"] == 2
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": "beads", "project": "OMO", "document": BACKLOG + "\n{"}, 400),
        ({"format": "beads", "project": "OMO", "document": BACKLOG + "\n" + BACKLOG}, 422),
        ({"format": "beads", "project": "OMO"}, 422),
        ({"format": "nothing", "project": "OMO", "document": BACKLOG}, 422),
        ({"format": "beads", "project": "ELSE", "document": BACKLOG}, 404),
    ],
)
def test_a_backlog_that_cannot_be_leaves_nothing_behind(project, operator, body, status):
    refused = api_of(operator).post("/imports", body)
    assert refused.status_code == status, refused.json()
    assert not Ticket.objects.exists()


def test_who_may_not_import_into_the_project_is_refused_before_the_file_is_read(
    project, operator, django_user_model
):
    """Somebody who may import elsewhere sends a file that is no backlog."""
    other = Project.objects.create_project(ProjectSpec("ELSE", workflow="simple"), by=operator)
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    Member.objects.create(project=other, user=vera, role="operator")

    answers = {
        key: api_of(vera).upload(
            "/imports", format="beads", project=key, file=SimpleUploadedFile("issues.jsonl", b"{")
        )
        for key in ("OMO", "ELSE")
    }

    assert (answers["OMO"].status_code, answers["OMO"].json().get("scope")) == (403, "tickets:write")
    assert answers["ELSE"].status_code == 400


def test_finished_work_comes_in_only_with_the_right_to_force(project, operator):
    writer, closed = (
        api_of(operator, "tickets:write"),
        json.dumps({"id": "a", "title": "First", "status": "closed"}),
    )
    body = {"format": "beads", "project": "OMO", "document": closed}

    assert writer.post("/imports", body).json()["scope"] == "gates:force"
    assert not Ticket.objects.exists()
    assert api_of(operator).post("/imports", body).status_code == 201
    assert writer.post("/imports", body).json()["tickets"] == {"new": 0, "known": 1, "changed": 0}
