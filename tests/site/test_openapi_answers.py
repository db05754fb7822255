"""Every route answers as the OpenAPI document promises, on success and on every refusal."""

from __future__ import annotations

import pytest

from agents.models import Agent, Member
from tests.factories import asks_for_approvals
from tests.support.api_client import ROOT, Api, api_of
from tests.support.openapi import checked, document, mismatches, operation
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db

OPERATIONS = [(method, path) for path, methods in document()["paths"].items() for method in methods]
KEYED = [
    (method, path)
    for method, path in OPERATIONS
    if any(
        parameter["name"] == "Idempotency-Key"
        for parameter in document()["paths"][path][method].get("parameters", [])
    )
]


class Walk(Api):
    """A client that records which operations succeeded."""

    walked: set[tuple[str, str]] = set()

    def get(self, path, **query):
        return self._walked("get", path, super().get(path, **query))

    def _send(self, method, path, body, headers):
        return self._walked(method, path, super()._send(method, path, body, headers))

    def _walked(self, method, path, answer):
        assert answer.status_code < 300, (method, path, answer.content)
        self.walked.add(operation(method, ROOT + path))
        return answer.json() if answer.status_code != 204 and not answer.streaming else answer


def walk_of(who, *scopes):
    return Walk(api_of(who, *scopes).headers["Authorization"].removeprefix("Bearer "))


def test_what_every_route_answers_is_what_the_document_promises(
    monkeypatch, operator, project, ada, bob, ticket, task, django_user_model
):
    monkeypatch.setattr(Walk, "walked", set())
    calls, own = walk_of(operator), walk_of(ada)
    django_user_model.objects.create_user("vera")
    at = f"/tickets/{ticket.key}"

    for path in (
        "/projects",
        "/projects/OMO",
        "/agents",
        "/agents/ada",
        "/agents/search",
        "/agents/best-fit",
        "/agents/statistics",
    ):
        calls.get(path)
    calls.post("/projects", {"key": "TWO", "workflow": "simple"})
    calls.patch("/projects/TWO", {"name": "Two"})
    calls.post("/projects/TWO/pause", {})
    calls.post("/projects/TWO/resume", {})
    calls.post("/projects/TWO/members", {"user": "vera", "role": "viewer"})
    calls.get("/projects/TWO/members")
    calls.delete("/projects/TWO/members/vera")

    own.get("/agents/me")
    calls.post("/agents", {"name": "eve", "projects": ["TWO"]})
    calls.patch("/agents/eve", {"capacity": 2})
    key = calls.post("/agents/eve/keys", {})
    calls.get("/agents/eve/keys")
    calls.delete(f"/agents/eve/keys/{key['prefix']}")
    calls.post("/agents/eve/availability", {"available": False})
    for act in ("drain", "quarantine", "retire"):
        calls.post(f"/agents/eve/{act}", {"reason": "x"})

    others = [
        spec["id"]
        for spec in calls.post(f"{at}/tasks", {"tasks": [{"title": name} for name in "abcd"]})["tasks"]
    ]
    calls.patch(f"/tasks/{others[0]}", {"title": "A"})
    calls.post(f"/tasks/{others[0]}/bump", {"reason": "x"})
    calls.post(f"/tasks/{others[0]}/cancellation", {"reason": "x"})
    calls.post(f"/tasks/{others[0]}/retry", {"reason": "x"})
    edge = calls.post(f"{at}/edges", {"task": others[1], "needs": others[0]})
    calls.delete(f"{at}/edges/{edge['id']}")

    claims = {claim["task"]["id"]: claim for claim in own.post("/claims", {"limit": 5})["claims"]}
    fence = {"fence": claims[str(task.pk)]["fence"]}
    assert own.get(f"/tasks/{task.pk}")["result"] is None
    own.post(f"/tasks/{task.pk}/progress", {**fence, "message": "half", "percent": 50})
    own.post(
        "/agents/me/heartbeat", {"claims": [{"task": str(task.pk), **fence}, {"task": "999", "fence": 1}]}
    )
    assert own.post(f"/tasks/{task.pk}/completion", fence)["result"] is None
    own.post(
        f"/tasks/{others[0]}/failure",
        {"fence": claims[others[0]]["fence"], "error": "broken", "kind": "permanent"},
    )
    own.post(f"/tasks/{others[1]}/release", {"fence": claims[others[1]]["fence"]})
    own.post(
        "/settlements",
        {
            "items": [
                {"task": others[2], "fence": 1, "outcome": "completed"},
                {"task": "9", "fence": 1, "outcome": "completed"},
            ]
        },
    )
    own.post(
        "/settlements",
        {"items": [{"task": others[3], "fence": 1, "outcome": "completed", "result": None}], "next": {}},
    )
    assert own.post("/claims", {}).status_code == 204

    artifact = calls.post(f"{at}/artifacts", {"type": "notes", "content": "x"})
    for path in (
        "artifacts",
        f"artifacts/{artifact['id']}",
        f"artifacts/{artifact['id']}/content",
        "graph",
        "gate",
        "transitions",
    ):
        calls.get(f"{at}/{path}")
    calls.post(f"{at}/gate/evaluations")
    calls.post("/tickets", {"project": "OMO", "title": "Another", "tasks": [{"title": "x"}]})
    asks_for_approvals(project)
    asking = calls.post("/tickets", {"project": "OMO", "title": "A third", "workflow": "approved"})["key"]
    shown = calls.get(f"/tickets/{asking}/gate")["evidence"]
    calls.post(f"/tickets/{asking}/approvals", {"decision": "approve", "seen": shown})
    calls.get(f"/tickets/{asking}/approvals")
    calls.patch(at, {"title": "Captured"})
    for act in ("pause", "resume", "archive", "restore"):
        calls.post(f"{at}/{act}", {"reason": "x"})
    calls.post(f"{at}/transitions", {"to": "BLOCKED", "class": "clarification", "reason": "waits for a word"})
    for path in (
        "/tickets",
        at,
        f"{at}/explain",
        f"{at}/history",
        f"{at}/comments",
        "/tasks",
        f"/tasks/{others[0]}",
        f"/tasks/{others[1]}/explain",
        "/events",
    ):
        calls.get(path)
    calls.get("/tasks", limit=1)

    workflow = calls.get("/workflows/simple")
    calls.get("/workflows")
    calls.get("/workflows/schema")
    calls.get("/workflows/simple/versions")
    calls.put("/workflows/mine", {**workflow["document"], "name": "mine"})
    calls.post(
        "/imports",
        {
            "format": "beads",
            "project": "TWO",
            "document": '{"id": "a-1", "title": "One", "status": "open"}\n',
        },
    )

    assert {(path, method) for method, path in OPERATIONS} - Walk.walked == set()


def filled(path):
    """The address with names that nothing has."""
    names = {"{key}": "NONE-1", "{id}": "0", "{name}": "nobody", "{user}": "nobody", "{prefix}": "00"}
    for name, value in names.items():
        path = path.replace(name, value)
    return path


def sent(method, path, calls=None, **headers):
    calls = calls or Api()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = given.pop("Content-Type", "application/json")
    return calls.client.generic(
        method.upper(), filled(path), b"{}", content_type=kind, headers={**calls.headers, **given}
    )


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_route_refuses_a_stranger_as_promised(method, path):
    assert checked(method, filled(path), sent(method, path)).status_code == 401


@pytest.mark.parametrize(("method", "path"), [pair for pair in OPERATIONS if pair[0] != "get"])
def test_every_change_refuses_a_viewer_as_promised(method, path, django_user_model, project):
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    assert checked(method, filled(path), sent(method, path, api_of(vera))).status_code in (403, 404, 422)


@pytest.mark.parametrize("key", ["", "x" * 256])
@pytest.mark.parametrize(("method", "path"), KEYED)
def test_a_bad_idempotency_key_is_refused_as_promised(method, path, key, operator):
    answer = checked(method, filled(path), sent(method, path, api_of(operator), Idempotency_Key=key))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_route_says_as_promised_that_nothing_is_there_or_that_the_query_is_wrong(
    method, path, operator
):
    answer = sent(method, path + "?nonsense=1", api_of(operator))
    assert not mismatches(method, filled(path), answer), answer.content


@pytest.mark.parametrize(
    ("method", "path"),
    [pair for pair in OPERATIONS if "requestBody" in document()["paths"][pair[1]][pair[0]]],
)
def test_a_body_of_another_kind_is_refused_as_promised(method, path, operator):
    answer = sent(method, path, api_of(operator), Content_Type="text/css")
    assert checked(method, filled(path), answer).status_code in (415, 404)


def test_the_check_notices_what_the_document_does_not_promise(operator, ticket):
    [task] = Task.objects.add(ticket, [TaskSpec("x")], by=operator)
    answer = api_of(operator).get(f"/tasks/{task.pk}")
    for changed in ({"join": "all"}, {"surplus": 1}, {"title": None}):
        answer.json = lambda changed=changed, told=answer.json(): {**told, **changed}
        assert mismatches("get", f"{ROOT}/tasks/{task.pk}", answer), changed
    answer.status_code = 418
    assert mismatches("get", f"{ROOT}/tasks/{task.pk}", answer) == ["the document knows no 418"]
    assert Agent.objects.count() == 0
