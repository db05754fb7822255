"""Which profiles a project's tasks may name: they say what runs on the machines of this installation."""

from __future__ import annotations

import pytest
from django.db import connection

from agents.models import Agent, Event, Member, Project, ProjectSpec
from omoi_site.errors import Forbidden, Invalid
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.runtime.claimed_job import ClaimedJob

pytestmark = pytest.mark.django_db

ECHO = {"profile": "echo", "slots": {"text": "hello"}}


@pytest.fixture
def other(operator):
    """A project without a profile."""
    return Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by=operator)


@pytest.fixture
def boss(other, django_user_model):
    """Who is admin of that project, and of nothing else."""
    user = django_user_model.objects.create_user("boss")
    Member.objects.create(project=other, user=user, role="admin")
    return user


def test_a_task_names_only_a_profile_its_project_is_granted(other, operator):
    calls = api_of(operator)
    body = {"project": "TWO", "title": "x", "tasks": [{"title": "Say it", **ECHO}]}
    refused = calls.post("/tickets", body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "tasks.0.profile"
    assert "TWO may not use the profile echo" in refused.json()["errors"][0]["message"]

    assert calls.patch("/projects/TWO", {"profiles": ["echo"]}).json()["profiles"] == ["echo"]
    assert calls.post("/tickets", body).status_code == 201
    assert Event.objects.get(kind="project.edited").data["after"] == {"profiles": ["echo"]}


def test_only_the_admin_of_the_installation_grants_a_profile(other, boss, ada, operator):
    api = api_of(boss)
    assert api.patch("/projects/TWO", {"name": "Two"}).status_code == 200
    assert api.patch("/projects/TWO", {"profiles": ["echo"]}).status_code == 403
    for who, scopes in ((ada, {"admin"}), (operator, {"tickets:write"})):
        who.key_scopes = frozenset(scopes)
        with pytest.raises(Forbidden):
            Project.objects.act(other.pk, "edit", by=who, profiles=["echo"])
        with pytest.raises(Forbidden):
            Project.objects.create_project(ProjectSpec("THREE", profiles=["echo"]), by=who)
    other.refresh_from_db()
    assert other.profiles == []


def test_who_may_not_grant_leaves_what_is_granted_as_it_is(other, boss, operator):
    """A form that sends everything back changes nothing by it."""
    Project.objects.act(other.pk, "edit", by=operator, profiles=["echo"])
    Project.objects.act(other.pk, "edit", by=boss, profiles=["echo"], name="Two")
    other.refresh_from_db()
    assert (other.name, other.profiles) == ("Two", ["echo"])


def test_a_profile_that_is_not_installed_cannot_be_granted(other, operator):
    with pytest.raises(Invalid, match="no profile nobody"):
        Project.objects.act(other.pk, "edit", by=operator, profiles=["nobody"])


def test_a_task_whose_profile_was_taken_from_its_project_is_not_run(project, operator):
    ticket = Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("Say it", **ECHO)]), by=operator)
    Project.objects.act(project.pk, "edit", by=operator, profiles=[])

    [claim] = Task.objects.claim(by=Agent.objects.worker("w1", capacity=1))
    with pytest.raises(LookupError, match=f"the project of {ticket.key} may not use the profile echo"):
        ClaimedJob(claim, 0.0).job("w1")


def test_projects_from_before_keep_what_their_tasks_use(project, operator):
    from tickets.migrations import __path__ as folder

    Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("Say it", **ECHO)]), by=operator)
    Project.objects.filter(pk=project.pk).update(profiles=[])
    source: dict[str, object] = {}
    with open(f"{folder[0]}/0016_granted_profiles.py") as file:
        exec(file.read().partition("class Migration")[0], source)
    with connection.cursor() as cursor:
        cursor.execute(str(source["GRANT"]))

    project.refresh_from_db()
    assert project.profiles == ["echo"]
