"""What the fast routes answer, and what they leave to the full view. That both answer the same is checked at
every call of the API's tests (`tests.support.both_ways`).
"""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from agents.models import Agent, Key
from omoi_site.api import fast
from tests.support.api_client import api_of
from tests.support.both_ways import answered, scope
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(ada):
    answered.clear()
    return api_of(ada)


def held(claim):
    return {"task": claim["task"]["id"], "fence": claim["fence"]}


def test_an_ordinary_claim_and_heartbeat_are_answered_fast(task, calls):
    [claim] = calls.post("/claims", {"limit": 3, "phases": ["DOING"], "project": "OMO"}).json()["claims"]
    assert calls.post("/agents/me/heartbeat", {"claims": [held(claim)]}).status_code == 200
    assert calls.post("/agents/me/heartbeat", {}).status_code == 200
    assert calls.get("/agents/me").status_code == 200
    assert sum(answered.values()) == 4


def test_settlements_completions_failures_and_progress_are_answered_fast(ticket, calls, operator):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(6)], by=operator)
    first, second, third = map(held, calls.post("/claims", {"limit": 3}).json()["claims"])
    answered.clear()

    items = [{**first, "outcome": "completed", "result": {"a": "ä"}}]
    assert len(calls.post("/settlements", {"items": items, "next": {"limit": 2}}).json()["claims"]) == 2
    gone = [{**first, "outcome": "failed", "error": "late", "kind": "transient"}]
    assert calls.post("/settlements", {"items": gone}).json()["results"][0]["ok"] is False
    path = f"/tasks/{second['task']}"
    assert calls.post(f"{path}/progress", {"fence": 1, "percent": 50, "message": "half"}).status_code == 200
    assert calls.post(f"{path}/completion", {"fence": 1, "result": [1]}).json()["state"] == "completed"
    assert calls.post(f"{path}/completion", {"fence": 1, "result": [1]}).json()["state"] == "completed"
    body = {"fence": 1, "error": "no", "kind": "permanent"}
    assert calls.post(f"/tasks/{third['task']}/failure", body).json()["state"] == "failed"
    assert sum(answered.values()) == 6

    [fourth, *_] = map(held, calls.get("/agents/me/brief").json()["claims"])
    body = {"fence": 1, "error": "429", "kind": "rate_limited", "pool": "anthropic:team"}
    assert calls.post(f"/tasks/{fourth['task']}/failure", body).json()["state"] == "pending"
    assert sum(answered.values()) == 7


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("progress", {"fence": 1}),
        ("progress", {"fence": 1, "percent": 101}),
        ("progress", {"fence": 2, "percent": 1}),
        ("completion", {"fence": 2}),
        ("completion", {"fence": 1, "artifacts": []}),
        ("failure", {"fence": 1}),
        ("failure", {"fence": 1, "error": "x", "kind": "rate_limited", "resets_at": "2099-01-01T00:00:00Z"}),
        ("failure", {"fence": 1, "error": "x", "kind": "strange"}),
    ],
)
def test_a_task_that_is_not_plainly_settled_is_answered_by_the_full_view(task, calls, path, body):
    calls.post("/claims", {})
    answered.clear()
    calls.post(f"/tasks/{task.pk}/{path}", body)
    calls.post(f"/tasks/x/{path}", body)
    assert not answered


@pytest.mark.parametrize(
    "body",
    [
        b'{"limit": 1, "limit": 2}',
        b'{"limit": NaN}',
        b'{"project": "O\\u0000"}',
        b"[" * 40 + b"]" * 40,
        b"{",
        {"limit": 0},
        {"limit": 101},
        {"limit": True},
        {"limit": "1"},
        {"limit": 1.0},
        {"lease_s": 4},
        {"phases": "DOING"},
        {"phases": ["PHASE_doing"]},
        {"project": " omo "},
        {"project": "NONE"},
        {"strange": 1},
        [],
        {"capabilities": ["x"] * 101},
    ],
    ids=str,
)
def test_what_is_wrong_or_unusual_is_answered_by_the_full_view(task, calls, body):
    calls.post("/claims", body)
    assert not answered


@pytest.mark.parametrize("noun", ["tickets", "tasks"])
def test_a_page_of_a_list_is_answered_fast_with_its_link(task, ticket, calls, operator, noun):
    for title in ("second", "third"):
        other = Ticket.objects.open(ticket.project, TicketSpec(title), by=operator)
        Task.objects.add(other, [TaskSpec(title)], by=operator)
    first = calls.get(f"/{noun}", project="OMO", limit=2)
    last = calls.get(f"/{noun}", limit=2, cursor=first.json()["next"])
    assert [len(page.json()["results"]) for page in (first, last)] == [2, 1]
    assert f"cursor={first.json()['next']}" in first["Link"]
    assert "Link" not in last
    assert len(calls.get(f"/{noun}").json()["results"]) == 3
    assert calls.get("/tasks", ticket="OMO-1", state="pending").json()["results"]
    assert sum(answered.values()) == 4


@pytest.mark.django_db(transaction=True)
def test_a_page_of_the_journal_is_answered_fast(task, calls):
    """The history ends at the oldest open transaction, so the acts must be committed."""
    first = calls.get("/events", topic="ticket:OMO-1", limit=1)
    after = first.json()["results"][0]["cursor"]
    rest = calls.get("/events", topic="ticket:OMO-1", after=after)
    assert first.json()["next"] == after
    assert {event["topic"] for event in rest.json()["results"]} == {"ticket:OMO-1"}
    assert calls.get("/events", kind="task.added").json()["results"]
    assert sum(answered.values()) == 3
    for quick, query in ((first, {"limit": 1}), (rest, {"after": after})):
        query = {"topic": "ticket:OMO-1", **query}
        full = calls.client.get("/api/v1/events", query, headers=calls.headers)
        assert (quick.json(), quick.get("Link")) == (full.json(), full.get("Link"))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "1.0"},
        {"limit": " 2"},
        {"cursor": "nonsense"},
        {"cursor": "Nzc3_-"},
        {"cursor": ""},
        {"project": "NONE"},
        {"project": "OMO "},
        {"project": "OMOOMOOMOOMO"},
        {"project": ["OMO", "NONE"]},
        {"colour": "red"},
        {"q": "pay"},
        {"state": "bogus"},
        {"waiting_on": "operator"},
    ],
    ids=str,
)
def test_an_unusual_list_is_answered_by_the_full_view(task, calls, query):
    for noun in ("tickets", "tasks", "events"):
        calls.get(f"/{noun}", **query)
    assert not answered


@pytest.mark.parametrize(
    "body",
    [{}, {"wait_s": 20}, {"project": "omo", "wait_s": 1.5}, {"phases": ["DOING"], "capabilities": ["sql"]}],
    ids=str,
)
def test_that_there_is_nothing_is_answered_fast_with_the_queues_to_wait_in(ada, calls, body):
    answer = calls.post("/claims", body)
    assert (answer.status_code, answer.content) == (204, b"")
    keys = "" if not body.get("wait_s") else answer["X-Wait"]
    assert keys.endswith(f" agent:ada {float(body['wait_s'])}" if keys else "")
    assert answer.get("X-Principal") == (f"agent:{ada.pk}" if keys else None)
    assert answered == {"POST /api/v1/claims": 1}


def test_an_empty_claim_that_is_no_plain_one_is_answered_by_the_full_view(task, calls, ada):
    Task.objects.filter(pk=task.pk).update(not_due=True, not_before=Now())
    assert calls.post("/claims", {}).status_code == 200
    assert not answered  # the full view has made it ready
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    assert calls.post("/claims", {}).json()["code"] == "capacity_full"
    assert not answered
    Agent.objects.filter(pk=ada.pk).update(state="draining")
    assert calls.post("/claims", {}).json()["code"] == "agent_unavailable"
    assert not answered
    Agent.objects.filter(pk=ada.pk).update(state="available", capacity=5)
    assert calls.post("/claims", {"project": "NONE"}).status_code == 404
    assert not answered


def test_a_heartbeat_with_status_and_metrics_is_answered_fast(task, calls, ada):
    [claim] = calls.post("/claims", {}).json()["claims"]
    body = {"claims": [held(claim)], "status": "degraded", "metrics": {"load": 1.5}}
    assert calls.post("/agents/me/heartbeat", body).status_code == 200
    assert calls.post("/agents/me/heartbeat", {"status": ""}).status_code == 200
    assert answered["POST /api/v1/agents/me/heartbeat"] == 2
    ada.presence.refresh_from_db()
    assert (ada.presence.word, ada.presence.metrics) == ("", {"load": 1.5})


def test_a_heartbeat_that_lost_a_claim_is_answered_by_the_full_view(task, calls, operator):
    [claim] = calls.post("/claims", {}).json()["claims"]
    Task.objects.filter(pk=task.pk).revoke(by=operator)
    answered.clear()

    assert len(calls.post("/agents/me/heartbeat", {"claims": [held(claim)]}).json()["lost"]) == 1
    assert not answered


def test_a_key_without_the_scope_and_a_persons_key_are_for_the_full_view(task, ada, operator):
    answered.clear()
    assert api_of(ada, "tickets:write").post("/claims", {}).status_code == 403
    assert api_of(operator).post("/claims", {}).status_code == 403
    assert not answered


def test_a_revoked_key_is_refused_by_the_full_view_even_where_it_is_known(ada, operator):
    """Here nobody has heard of it: the fast route still knows the key."""
    key, text = Key.objects.issue(by=operator, agent=ada)
    call = fast.find(scope("post", "/api/v1/agents/me/heartbeat", {}, {"authorization": f"Bearer {text}"}))
    assert call.answer(b"{}")
    Key.objects.filter(pk=key.pk).revoke(by=operator)
    assert call.answer(b"{}") is None


def test_a_quarantined_agent_is_refused_by_the_full_view(task, calls, ada, operator):
    [claim] = calls.post("/claims", {}).json()["claims"]
    Agent.objects.act(ada.pk, "quarantine", by=operator, reason="strange")
    answered.clear()

    assert calls.post("/agents/me/heartbeat", {"claims": [held(claim)]}).status_code == 409
    assert calls.post("/agents/me/heartbeat", {"claims": []}).status_code == 409
    assert not answered


def test_an_agent_that_was_deleted_a_moment_ago_is_refused_by_the_full_view(ada, operator):
    _, text = Key.objects.issue(by=operator, agent=ada)
    call = fast.find(scope("get", "/api/v1/agents/me", {}, {"authorization": f"Bearer {text}"}))
    assert call.answer(b"")
    ada.delete()
    assert call.answer(b"") is None
