"""Who may do what, over HTTP."""

from __future__ import annotations

import json

import pytest

from agents.models import Agent, AgentSpec, Member, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.support.api_client import Api, api_of
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

MUTATIONS = [
    ("post", "/projects", {"key": "NEW"}),
    ("patch", "/projects/OMO", {"name": "x"}),
    ("post", "/projects/OMO/pause", {}),
    ("post", "/projects/OMO/members", {"user": "vera", "role": "admin"}),
    ("delete", "/projects/OMO/members/vera", None),
    ("post", "/agents", {"name": "eve", "projects": ["OMO"]}),
    ("patch", "/agents/ada", {"capacity": 9}),
    ("post", "/agents/ada/availability", {"available": False}),
    ("post", "/agents/ada/retire", {}),
    ("post", "/agents/ada/keys", {}),
    ("post", "/tickets", {"project": "OMO", "title": "x"}),
    ("patch", "/tickets/{ticket}", {"title": "x"}),
    ("post", "/tickets/{ticket}/pause", {}),
    ("post", "/tickets/{ticket}/tasks", {"tasks": [{"title": "x"}]}),
    ("post", "/tickets/{ticket}/edges", {"task": "{task}", "needs": "{task}"}),
    ("post", "/tickets/{ticket}/transitions", {"to": "BLOCKED", "class": "clarification", "reason": "x"}),
    ("post", "/tickets/{ticket}/artifacts", {"type": "notes", "content": "x"}),
    ("post", "/tickets/{ticket}/gate/evaluations", {}),
    ("put", "/workflows/simple", {"name": "simple", "phases": []}),
    ("patch", "/tasks/{task}", {"title": "x"}),
    ("post", "/tasks/{task}/cancellation", {"reason": "x"}),
    ("post", "/tasks/{task}/bump", {"reason": "x"}),
    ("post", "/tasks/{task}/completion", {"fence": 1}),
    ("post", "/settlements", {"items": [{"task": "{task}", "fence": 1, "outcome": "completed"}]}),
    ("post", "/claims", {}),
]
READS = [
    "/projects/OMO",
    "/projects/OMO/members",
    "/tickets/{ticket}",
    "/tickets/{ticket}/history",
    "/tickets/{ticket}/transitions",
    "/tickets/{ticket}/gate",
    "/tickets/{ticket}/artifacts",
    "/tickets/{ticket}/graph",
    "/tickets/{ticket}/explain",
    "/tasks/{task}",
    "/tasks/{task}/explain",
    "/agents/ada",
]


@pytest.fixture
def vera(django_user_model, project):
    """A viewer of OMO."""
    user = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=user, role="viewer")
    return user


@pytest.fixture
def stranger(django_user_model, operator):
    """An admin of another project."""
    user = django_user_model.objects.create_user("sam")
    Member.objects.create(
        project=Project.objects.create_project(ProjectSpec("OTHER"), by=operator), user=user, role="admin"
    )
    return user


def asked(calls, method, path, body, ticket, task):
    names = {"ticket": ticket.key, "task": str(task.pk)}
    filled = body and json.loads(
        json.dumps(body).replace("{ticket}", ticket.key).replace("{task}", str(task.pk))
    )
    return (
        getattr(calls, method)(path.format(**names), filled)
        if method != "delete"
        else calls.delete(path.format(**names))
    )


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
def test_a_viewer_changes_nothing(vera, ada, ticket, task, method, path, body):
    assert asked(api_of(vera), method, path, body, ticket, task).status_code == 403


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
def test_who_is_outside_the_project_changes_nothing_and_sees_nothing(
    stranger, ada, ticket, task, method, path, body
):
    assert asked(api_of(stranger), method, path, body, ticket, task).status_code in (403, 404)


@pytest.mark.parametrize("path", READS)
def test_reading_needs_membership_only(vera, stranger, ada, ticket, task, path):
    filled = path.format(ticket=ticket.key, task=task.pk)
    assert api_of(vera).get(filled).status_code == 200
    assert api_of(stranger).get(filled).status_code == 404
    assert Api().get(filled).status_code == 401


def test_who_could_do_it_nowhere_is_refused_before_the_body_is_read(vera, ada):
    for calls in (api_of(vera), api_of(ada)):
        refused = calls.post("/tickets", b"{")
        assert (refused.status_code, refused.json()["scope"]) == (403, "tickets:write")


STALE = [
    ("patch", "/projects/OMO", {"name": "x"}, "admin"),
    ("patch", "/agents/ada", {"capacity": 9}, "agents:register"),
    ("patch", "/tickets/{ticket}", {"title": "x"}, "tickets:write"),
    ("post", "/tickets/{ticket}/transitions", {"to": "DONE"}, "tickets:write"),
    (
        "post",
        "/tickets/{ticket}/transitions",
        {"to": "TODO", "force": True, "reason": "x" * 10},
        "gates:force",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), STALE)
def test_who_may_not_is_refused_for_that_and_not_for_an_old_copy(
    stranger, operator, project, ada, ticket, method, path, body, scope
):
    """Somebody who may do it elsewhere, so that only the verb can refuse them."""
    Member.objects.create(project=project, user=stranger, role="viewer")
    filled = path.format(ticket=ticket.key)

    refused, late = (
        getattr(api_of(who), method)(filled, body, If_Match='"99"') for who in (stranger, operator)
    )

    assert (refused.status_code, refused.json().get("scope")) == (403, scope)
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert Ticket.objects.get(pk=ticket.pk).phase == ticket.phase


def test_a_key_narrows_and_never_widens(vera, operator, project):
    assert api_of(vera, "admin").patch("/projects/OMO", {"name": "x"}).status_code == 403
    assert api_of(operator, "work").patch("/projects/OMO", {"name": "x"}).status_code == 403
    assert api_of(operator).patch("/projects/OMO", {"name": "x"}).status_code == 200


def test_registering_shows_the_key_once_and_again_only_to_who_repeats_it(operator, project):
    calls = api_of(operator)
    body = {"name": "eve", "capabilities": [" Python ", "python"], "projects": ["OMO"], "capacity": 2}
    first = calls.post("/agents", body, Idempotency_Key="a")
    assert first.status_code == 201
    assert first.json()["agent"]["capabilities"] == ["python"]
    assert first.json()["agent"]["status"] == "idle"
    again = calls.post("/agents", body, Idempotency_Key="a")
    assert again.json() == first.json()
    assert Agent.objects.filter(name="eve").count() == 1

    from agents.models import Reply

    assert first.json()["key"].encode() not in bytes(Reply.objects.get().body)
    assert Api(first.json()["key"]).get("/agents/me").json()["name"] == "eve"
    assert "key" not in calls.get("/agents/eve").json()


def test_a_revoked_key_is_no_key(operator, ada):
    calls = api_of(operator)
    made = calls.post("/agents/ada/keys", {"scopes": ["work"]}).json()
    assert Api(made["key"]).get("/agents/me").status_code == 200
    assert calls.delete(f"/agents/ada/keys/{made['prefix']}").status_code == 204
    assert Api(made["key"]).get("/agents/me").status_code == 401


def test_an_agent_makes_no_key_with_more_than_it_has(ada):
    assert api_of(ada).post("/agents/ada/keys", {"scopes": ["admin"]}).status_code == 403
    assert api_of(ada).post("/agents/ada/keys", {}).status_code == 201


def test_agents_are_found_by_what_they_can(operator, project):
    for name, capabilities in (("one", ["python"]), ("two", ["python", "analysis"]), ("none", ["go"])):
        Agent.objects.register(AgentSpec(name, capabilities=capabilities), projects=[project], by=operator)
    calls = api_of(operator)
    found = calls.get("/agents/search", capability=["analysis", "python"]).json()["results"]
    assert [match["agent"]["name"] for match in found] == ["two", "one"]
    assert found[0]["score"] == 1.45
    assert calls.get("/agents/best-fit", capability=["rust"]).status_code == 404


def test_a_session_needs_the_csrf_token(operator, project):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.get("/api/v1/projects").status_code == 200
    refused = client.post("/api/v1/projects", {"key": "NEW"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_an_agent_has_its_scopes_in_its_projects_alone(operator, project, ada):
    other = Project.objects.create_project(ProjectSpec("OTHER"), by=operator)
    Agent.objects.register(AgentSpec("eve"), projects=[project, other], by=operator)
    calls = api_of(ada, "admin", "agents:register", "work")
    assert calls.post("/agents/eve/retire", {}).status_code == 403
    assert calls.post("/agents/eve/keys", {}).status_code == 403


def test_who_is_admin_of_a_project_gives_no_agent_more_than_that(django_user_model, project, ada):
    """With the scope `admin` an agent installs workflows, which all projects share."""
    user = django_user_model.objects.create_user("pam")
    Member.objects.create(project=project, user=user, role="admin")
    assert api_of(user).post("/agents/ada/keys", {"scopes": ["admin"]}).status_code == 403
    assert api_of(user).post("/agents/ada/keys", {"scopes": ["gates:force"]}).status_code == 201


def test_a_kept_secret_is_for_the_credential_that_asked(operator, project):
    body = {"name": "eve", "projects": ["OMO"]}
    assert api_of(operator).post("/agents", body, Idempotency_Key="a").status_code == 201
    refused = api_of(operator).post("/agents", body, Idempotency_Key="a")
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_mismatch")


def test_a_cursor_of_somebody_else_is_refused(operator, project):
    assert api_of(operator).get("/projects", cursor="AA").status_code == 400


def test_the_projects_of_an_agent_are_told_to_those_who_see_them(vera, operator, project):
    other = Project.objects.create_project(ProjectSpec("OTHER"), by=operator)
    Agent.objects.register(AgentSpec("eve"), projects=[project, other], by=operator)
    assert api_of(vera).get("/agents/eve").json()["projects"] == ["OMO"]
    assert api_of(operator).get("/agents/eve").json()["projects"] == ["OMO", "OTHER"]


def test_an_agent_registers_others_in_its_projects_only(ada, project, operator):
    calls = api_of(ada, "work", "agents:register")
    Project.objects.create_project(ProjectSpec("OTHER"), by=operator)
    for projects, status in (([], 422), (["OTHER"], 404)):
        assert calls.post("/agents", {"name": "eve", "projects": projects}).status_code == status
        assert not Agent.objects.filter(name="eve").exists()
    assert calls.post("/agents", {"name": "eve", "projects": ["OMO"]}).status_code == 201


REPLAYED = {
    "a ticket": ("/tickets", {"project": "OMO", "title": "x"}),
    "an agent and its key": ("/agents", {"name": "eve", "projects": ["OMO"]}),
    "a key": ("/agents/ada/keys", {}),
}


@pytest.mark.parametrize("what", REPLAYED)
@pytest.mark.parametrize("how", ["removed", "a lesser role"])
def test_a_kept_answer_is_not_given_to_who_lost_the_right_to_it(
    project, ada, operator, django_user_model, what, how
):
    path, body = REPLAYED[what]
    user = django_user_model.objects.create_user("olga")
    Member.objects.set(project, user, "admin", by=operator)
    Member.objects.set(
        Project.objects.create_project(ProjectSpec("OTHER"), by=operator), user, "admin", by=operator
    )
    calls = api_of(user)
    first = calls.post(path, body, Idempotency_Key="k")
    assert first.status_code == 201, first.json()
    assert calls.post(path, body, Idempotency_Key="k").json() == first.json()

    if how == "removed":
        Member.objects.remove(project, user, by=operator)
    else:
        Member.objects.set(project, user, "viewer", by=operator)

    again = calls.post(path, body, Idempotency_Key="k")
    assert again.status_code == (404 if how == "removed" else 403)
    assert "key" not in again.json()


def test_kept_claims_are_not_given_to_an_agent_that_left_the_project(project, ada, task, operator):
    calls = api_of(ada)
    assert calls.post("/claims", {}, Idempotency_Key="k").status_code == 200
    Agent.objects.act(ada.pk, "edit", by=operator, projects=[])

    assert calls.post("/claims", {}, Idempotency_Key="k").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_agent_is_registered_with_its_key_or_not_at_all(operator, project):
    calls = api_of(operator)
    with as_owner():
        sql.rows("ALTER TABLE agents_key ADD CONSTRAINT no_more CHECK (last_used_at IS NOT NULL) NOT VALID")
    try:
        assert calls.post("/agents", {"name": "eve", "projects": ["OMO"]}).status_code == 500
    finally:
        with as_owner():
            sql.rows("ALTER TABLE agents_key DROP CONSTRAINT no_more")
    assert not Agent.objects.filter(name="eve").exists()


def test_a_key_made_with_a_key_does_not_outlive_it(ada):
    from datetime import timedelta

    from agents.models import Key

    short, text = Key.objects.issue(by="system:tests", agent=ada, expires_in=timedelta(hours=1))
    made = Api(text).post("/agents/ada/keys", {"expires_s": 86400})
    assert made.status_code == 201
    short.refresh_from_db()
    assert Key.objects.get(prefix=made.json()["prefix"]).expires_at <= short.expires_at + timedelta(seconds=5)
