"""Every route answers as the OpenAPI document promises, when it succeeds."""

from __future__ import annotations

import pytest

from agents.models import Agent
from tests.factories import allow_workflow, asks_for_approvals, submit
from tests.support.api_client import ROOT, Api, api_of
from tests.support.openapi import checked, mismatches, operation, operations
from tickets.models import Task, TaskSpec, Workflow

pytestmark = pytest.mark.django_db


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
        "/agents/ada/history",
        f"/tasks/{task.pk}/cancellation",
    ):
        calls.get(path)
    calls.post("/projects", {"key": "TWO", "workflow": "simple"})
    calls.patch("/projects/TWO", {"name": "Two"})
    calls.post("/projects/TWO/pause", {})
    calls.post("/projects/TWO/resume", {})
    for act in ("pause", "resume"):
        calls.post(f"/projects/TWO/phases/DOING/{act}", {"reason": "x"})
    calls.post("/pools", {"name": "anthropic:team"})
    calls.get("/pools")
    calls.get("/pools/anthropic:team")
    calls.patch("/pools/anthropic:team", {"limit": 4})
    calls.post("/pools/anthropic:team/close", {"reason": "x"})
    calls.post("/pools/anthropic:team/open", {"reason": "x"})
    calls.delete("/pools/anthropic:team")
    calls.post("/freeze", {"project": "TWO", "reason": "x"})
    calls.get("/freeze")
    calls.post("/thaw", {"project": "TWO"})
    calls.post("/projects/TWO/members", {"user": "vera", "role": "viewer"})
    calls.get("/projects/TWO/members")
    calls.delete("/projects/TWO/members/vera")

    own.get("/agents/me")
    own.get("/agents/me/brief")
    calls.post("/agents", {"name": "eve", "projects": ["TWO"]})
    calls.patch("/agents/eve", {"capacity": 2})
    key = calls.post("/agents/eve/keys", {})
    calls.get("/agents/eve/keys")
    calls.delete(f"/agents/eve/keys/{key['prefix']}")
    calls.post("/agents/eve/availability", {"available": False})
    for act in ("requeue", "drain", "quarantine", "retire"):
        calls.post(f"/agents/eve/{act}", {"reason": "x"})

    others = [
        spec["id"]
        for spec in calls.post(f"{at}/tasks", {"tasks": [{"title": name} for name in "abcd"]})["tasks"]
    ]
    calls.patch(f"/tasks/{others[0]}", {"title": "A"})
    calls.post(f"/tasks/{others[0]}/bump", {"reason": "x"})
    calls.post(f"/tasks/{others[0]}/cancellation", {"reason": "x"})
    calls.post(f"/tasks/{others[0]}/retry", {"reason": "x"})
    by_hand = calls.post(f"/tasks/{others[0]}/assignment", {"to": "me", "reason": "x"})
    calls.post(f"/tasks/{others[0]}/release", {"fence": by_hand["fence"], "reason": "x"})
    edge = calls.post(f"{at}/edges", {"task": others[1], "needs": others[0]})
    calls.delete(f"{at}/edges/{edge['id']}")

    for path in ("/patterns", "/patterns/schema", "/patterns/majority_vote"):
        calls.get(path)
    arguments = {"source_task_id": others[1], "question": "which?"}
    vote = {"pattern": "majority_vote", "key": "vote", "arguments": arguments}
    calls.post(f"{at}/patterns", {**vote, "dry_run": True})
    calls.post(f"{at}/patterns", vote)
    calls.post(f"{at}/merges", {"sources": [others[2]], "strategy": "combine"})
    calls.get(f"{at}/graph")

    claims = {claim["task"]["id"]: claim for claim in own.post("/claims", {"limit": 5})["claims"]}
    fence = {"fence": claims[str(task.pk)]["fence"]}
    assert own.get(f"/tasks/{task.pk}")["result"] is None
    own.post(f"/tasks/{task.pk}/progress", {**fence, "message": "half", "percent": 50})
    own.post(f"/tasks/{task.pk}/output", {**fence, "offset": 0, "text": "ok\n"})
    calls.get(f"/tasks/{task.pk}/output")
    own.post(
        "/agents/me/heartbeat", {"claims": [{"task": str(task.pk), **fence}, {"task": "999", "fence": 1}]}
    )
    found = [{"type": "bug", "title": "Rounds down", "body": "half a cent"}]
    assert own.post(f"/tasks/{task.pk}/completion", {**fence, "discoveries": found})["result"] is None
    [discovery] = calls.get("/discoveries", ticket=at.rpartition("/")[2])["results"]
    calls.post(f"/discoveries/{discovery['id']}/decision", {"as": "dismissed", "reason": "x"})
    calls.get(f"/tasks/{task.pk}/validations")
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
    workflow = allow_workflow(project, "software_delivery_tasks")
    feature = {"project": "OMO", "title": "A fourth", "workflow": workflow.name}
    templates = f"/tickets/{calls.post('/tickets', feature)['key']}/task-templates"
    assert calls.get(templates, phase="TESTING")["tasks"]
    assert calls.post(templates, {"key": "k", "phase": "TESTING"})["tasks"]
    calls.post("/tickets", {"project": "OMO", "title": "Another", "tasks": [{"title": "x"}]})
    asks_for_approvals(project)
    asking = calls.post("/tickets", {"project": "OMO", "title": "A third", "workflow": "approved"})["key"]
    shown = calls.get(f"/tickets/{asking}/gate")["evidence"]
    calls.post(f"/tickets/{asking}/approvals", {"decision": "approve", "seen": shown})
    calls.get(f"/tickets/{asking}/approvals")
    walk_checks(calls, own, project)
    walk_repositories(calls)
    walk_schedules(calls)
    [note] = calls.post(f"{at}/context", {"decisions": ["Keep keys"]})["notes"]
    calls.post(f"{at}/context/notes/{note['id']}/withdrawal", {"reason": "no longer"})
    for path in ("context", "context/versions", "context/notes"):
        calls.get(f"{at}/{path}")
    calls.patch(at, {"title": "Captured"})
    for act in ("pause", "resume", "archive", "restore"):
        calls.post(f"{at}/{act}", {"reason": "x"})
    calls.post(f"{at}/transitions", {"to": "BLOCKED", "class": "clarification", "reason": "waits for a word"})
    for path in (
        "/tickets",
        at,
        f"{at}/explain",
        f"{at}/estimate",
        f"{at}/history",
        f"{at}/comments",
        "/tasks",
        f"/tasks/{others[0]}",
        f"/tasks/{others[1]}/explain",
        "/events",
        "/attention",
        f"{at}/workflow",
    ):
        calls.get(path)
    calls.get("/tasks", limit=1)
    calls.get("/attention", limit=1)

    workflow = calls.get("/workflows/simple")
    calls.get("/workflows")
    calls.get("/workflows/schema")
    calls.get("/workflows/simple/versions")
    calls.put("/workflows/mine", {**workflow["document"], "name": "mine"})
    calls.put("/workflows/mine?dry_run=true", {"name": "mine"})
    calls.post(
        "/imports",
        {
            "format": "beads",
            "project": "TWO",
            "document": '{"id": "a-1", "title": "One", "status": "open"}\n',
        },
    )

    assert {(path, method) for method, path in operations()} - Walk.walked == set()


def walk_checks(calls, own, project):
    """A ticket that tells a role of itself, whose gate asks a reviewer, and whose workflow changes."""
    phases = [
        {
            "name": "WORK",
            "to": ["DONE"],
            "gate": [{"check": "acceptance"}, {"check": "agent_review"}],
            "effects": [{"notify": {"role": "viewer"}}],
        },
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "checked", "phases": phases}))
    asked = {"project": "OMO", "title": "A fourth", "workflow": "checked", "acceptance": ["once", "safe"]}
    at = f"/tickets/{calls.post('/tickets', asked)['key']}"
    calls.post(f"{at}/artifacts", {"type": "notes", "content": "x"})
    calls.put(f"{at}/acceptance/1", {"evidence": "notes"})

    calls.post(f"{at}/gate/evaluations")
    [run] = calls.get(f"{at}/gate/runs")["results"]
    claims = own.post("/claims", {"limit": 5})["claims"]
    [review] = [claim for claim in claims if claim["task"]["id"] == run["task"]]
    own.post(
        f"/tasks/{run['task']}/completion",
        {"fence": review["fence"], "result": {"verdict": "changes", "reasons": ["say more"]}},
    )
    verdict = calls.post(f"{at}/gate/evaluations")
    assert [bool(check["reasons"]) for check in verdict["checks"]] == [True, True]

    [notice] = calls.get("/attention", kind="notified")["results"]
    dismissal = notice["act"]["path"].removeprefix(ROOT)
    assert [calls.post(dismissal)["seen_by"] for _ in range(2)] == ["user:admin"] * 2

    assert calls.get(f"{at}/workflow")["why_not"]
    for version, gate in enumerate(([{"check": "acceptance"}], []), start=2):
        phases[0]["gate"] = gate
        calls.put("/workflows/checked", {"name": "checked", "phases": phases})
        assert calls.get(f"{at}/workflow", version=version)["possible"]
        followed = calls.post(f"{at}/workflow", {"version": version})
        assert bool(followed["verdict"]) is bool(gate)
    assert calls.get("/workflows/checked/statistics")["lead_time_s"] is None
    calls.post(f"{at}/transitions", {"to": "DONE"})
    assert calls.get("/workflows/checked/statistics")["lead_time_s"]["p50"] > 0


def walk_repositories(calls):
    at = "/projects/TWO/repositories"
    calls.post(at, {"name": "shop", "url": "https://forge.example/shop.git"})
    calls.get(at)
    calls.get(f"{at}/shop")
    calls.patch(f"{at}/shop", {"base": "trunk"})
    assert calls.post(f"{at}/shop/fetches")["fault"]["code"] == "waits"
    calls.delete(f"{at}/shop")


def walk_schedules(calls):
    tasks = [{"ref": "a", "title": "A", "priority": "low"}, {"title": "B", "needs": ["a"]}]
    asked = {"project": "TWO", "name": "nightly", "title": "Audit of {date} for {whom}", "tasks": tasks}
    template = calls.post("/templates", {**asked, "variables": [{"name": "whom", "default": "all"}]})["id"]
    schedule = calls.post("/schedules", {"project": "TWO", "template": "nightly", "cron": "@daily"})["id"]
    for at in (f"/templates/{template}", f"/schedules/{schedule}"):
        calls.get(at.rpartition("/")[0], project="TWO")
        calls.get(at)
    calls.patch(f"/templates/{template}", {"title": "Audit"})
    calls.patch(f"/schedules/{schedule}", {"overlap": "queue", "variables": {"whom": "some"}})
    assert calls.post(f"/templates/{template}/tickets", {"variables": {"whom": "us"}})["title"] == "Audit"
    assert calls.post(f"/schedules/{schedule}/runs")["state"] == "opened"
    calls.get(f"/schedules/{schedule}/runs")
    for act in ("disable", "enable"):
        calls.post(f"/schedules/{schedule}/{act}", {"reason": "x"})
    for at in (f"/schedules/{schedule}", f"/templates/{template}"):
        calls.delete(at)
    for at in (f"/templates/{template}", f"/schedules/{schedule}"):
        calls.post(f"{at}/restore", {})


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Range", "bytes=1-2", 206), ("Range", "bytes=9-", 416), ("If-None-Match", '"{hash}"', 304)],
)
def test_a_file_is_sent_in_part_or_not_at_all_as_promised(header, value, status, operator, ticket):
    made = submit(ticket, "notes", b"noted", by=operator)
    calls, path = api_of(operator), f"{ROOT}/tickets/{ticket.key}/artifacts/{made.pk}/content"
    headers = {**calls.headers, header: value.format(hash=made.hash)}
    assert checked("get", path, calls.client.get(path, headers=headers)).status_code == status


def test_the_check_notices_what_the_document_does_not_promise(operator, ticket):
    [task] = Task.objects.add(ticket, [TaskSpec("x")], by=operator)
    answer = api_of(operator).get(f"/tasks/{task.pk}")
    for changed in ({"join": "all"}, {"surplus": 1}, {"title": None}):
        answer.json = lambda changed=changed, told=answer.json(): {**told, **changed}
        assert mismatches("get", f"{ROOT}/tasks/{task.pk}", answer), changed
    answer.status_code = 418
    assert mismatches("get", f"{ROOT}/tasks/{task.pk}", answer) == ["the document knows no 418"]
    assert Agent.objects.count() == 0
