"""What people hold for long, or can no longer settle, is on the list of what needs somebody."""

from __future__ import annotations

import pytest

from agents.models import Member, Project
from omoi_site.database import sql
from tests.support.api_client import api_of
from tickets.models import Task, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(task, eve):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    return task


def items(operator):
    found = api_of(operator).get("/attention").json()["results"]
    return [item for item in found if item["kind"] == "held_by_person"]


def ago(task, span):
    sql.rows(
        f"UPDATE tickets_task SET claimed_at = clock_timestamp() - interval '{span}' WHERE id = %s", [task.pk]
    )


def test_after_a_day_and_not_before(held, operator):
    ago(held, "23 h 59 min")
    assert items(operator) == []
    ago(held, "24 h 1 min")
    [item] = items(operator)
    assert item["what"] == "eve has held it for 1 day"
    explained = Task.objects.explanations([held.pk])[held.pk]
    assert [cause["who"] for cause in explained["causes"]] == ["user:eve", "operator"]
    assert item["act"]["path"] == f"/api/v1/tasks/{held.pk}/assignment"


def test_at_once_if_the_role_is_gone(held, eve, project, operator):
    Member.objects.set(project, eve, "viewer", by=operator)
    [item] = items(operator)
    assert "eve can no longer work in this project" in item["what"]


def test_at_once_if_the_person_is_deactivated(held, eve, operator):
    eve.is_active = False
    eve.save()
    assert len(items(operator)) == 1


def test_its_act_helps(held, operator):
    ago(held, "2 days")
    [item] = items(operator)
    api = api_of(operator)
    path = item["act"]["path"].removeprefix("/api/v1")
    assert api.post(path, item["act"]["body"]).json()["holder"] == "user:admin"
    assert items(operator) == []


def test_what_an_agent_holds_is_not_there(task, ada, operator):
    Task.objects.claim(by=ada, lease_s=14_400)
    ago(task, "2 days")
    assert items(operator) == []


@pytest.mark.parametrize("stopped", ["ticket", "project", "archived"])
def test_what_somebody_stopped_is_not_there(held, ticket, project, operator, stopped):
    ago(held, "2 days")
    match stopped:
        case "project":
            Project.objects.act(project.pk, "pause", by=operator, reason="later")
        case "ticket":
            Ticket.objects.act(ticket.pk, "pause", by=operator, reason="later")
        case "archived":
            Ticket.objects.act(ticket.pk, "archive", by=operator, reason="over")
    assert items(operator) == []
