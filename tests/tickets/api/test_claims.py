"""Claims over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, AgentPresence, AgentSpec, Project, ProjectSpec
from tests.factories import lapse
from tests.support.api_client import Api, api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


def test_a_task_is_claimed_and_completed(task, ada):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]
    assert claim["task"]["id"] == str(task.pk)
    assert claim["task"]["priority"] == "medium"
    assert (claim["fence"], claim["attempt"], claim["locks"]) == (1, 1, [])

    done = calls.post(f"/tasks/{task.pk}/completion", {"fence": 1, "result": {"ok": True}})

    assert done.status_code == 200
    assert (done.json()["state"], done.json()["result"]) == ("completed", {"ok": True})
    assert calls.post("/claims", {}).status_code == 204


def test_an_old_fence_is_claim_lost_and_changes_nothing(task, ada, bob):
    [old] = Task.objects.claim(by=ada)
    lapse(old)
    [new] = Task.objects.claim(by=bob)

    refused = api_of(ada).post(f"/tasks/{task.pk}/completion", {"fence": old.fence})

    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["holder"]) == ("claim_lost", "bob")
    assert api_of(bob).post(f"/tasks/{task.pk}/completion", {"fence": new.fence}).status_code == 200


def test_a_repeated_claim_with_its_key_is_the_same_claim(ticket, operator, ada):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    calls = api_of(ada)
    first = calls.post("/claims", {}, Idempotency_Key="k1")
    again = calls.post("/claims", {}, Idempotency_Key="k1")
    assert again.status_code == 200
    assert again.json() == first.json()
    assert Task.objects.filter(state="claimed").count() == 1

    other = calls.post("/claims", {"limit": 2}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


def test_an_empty_claim_is_not_kept_under_its_key(ticket, operator, ada):
    calls = api_of(ada)
    assert calls.post("/claims", {}, Idempotency_Key="k").status_code == 204
    Task.objects.add(ticket, [TaskSpec("one")], by=operator)
    assert calls.post("/claims", {}, Idempotency_Key="k").status_code == 200


def test_full_hands_are_told_at_once_even_when_they_would_wait(ticket, operator, ada):
    Task.objects.add(ticket, [TaskSpec(str(n)) for n in range(6)], by=operator)
    calls = api_of(ada)
    assert len(calls.post("/claims", {"limit": 10}).json()["claims"]) == 5
    refused = calls.post("/claims", {"wait_s": 30})
    assert (refused.status_code, refused.json()["code"]) == (409, "capacity_full")


def test_a_heartbeat_renews_what_is_held_and_names_what_is_lost(ticket, operator, ada):
    one, two = Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    Task.objects.claim(by=ada, limit=2)
    Task.objects.filter(pk=two.pk).cancel(by=operator, reason="not needed")

    told = (
        api_of(ada)
        .post(
            "/agents/me/heartbeat",
            {"claims": [{"task": str(one.pk), "fence": 1}, {"task": str(two.pk), "fence": 1}]},
        )
        .json()
    )

    assert [claim["task"] for claim in told["claims"]] == [str(one.pk)]
    assert told["lost"] == [{"task": str(two.pk), "code": "claim_lost", "holder": None}]
    [command] = told["commands"]
    assert (command["command"], command["task"]) == ("cancel", str(two.pk))


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"lease_s": 4}, 422, "lease_s"),
        ({"lease_s": 14401}, 422, "lease_s"),
        ({"wait_s": 31}, 422, "wait_s"),
        ({"limit": "many"}, 422, "limit"),
        ({"colour": "red"}, 422, "colour"),
        ([], 422, ""),
    ],
)
def test_a_claim_that_cannot_be_is_refused_by_field(ada, body, status, field):
    refused = api_of(ada).post("/claims", body)
    assert refused.status_code == status
    assert [fault["field"] for fault in refused.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"project": "\\u0000"}',
        b'{"project": "\\ud800"}',
        b"[" * 40 + b"]" * 40,
    ],
)
def test_a_body_that_is_no_json_is_malformed(ada, body):
    refused = api_of(ada).post("/claims", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/claims", {}),
        ("/agents/me/heartbeat", {}),
        ("/tasks/{task}/progress", {"fence": 1, "message": "x"}),
        ("/settlements", {"items": [{"task": "{task}", "fence": 1, "outcome": "completed"}]}),
    ],
)
def test_a_person_holds_no_claims_even_with_every_right(operator, ada, task, path, body):
    Task.objects.claim(by=ada)
    if "items" in body:
        body = {"items": [{**item, "task": str(task.pk)} for item in body["items"]]}

    refused = api_of(operator).post(path.format(task=task.pk), body)

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "only an agent" in refused.json()["detail"]
    assert Task.objects.get(pk=task.pk).holder == ada


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("completion", {"fence": 1, "reason": "I looked"}),
        ("failure", {"fence": 1, "error": "x", "kind": "transient"}),
        ("release", {"fence": 1, "reason": "I looked"}),
    ],
)
def test_a_person_ends_no_claim_that_an_agent_holds(operator, ada, task, path, body):
    Task.objects.claim(by=ada)
    refused = api_of(operator).post(f"/tasks/{task.pk}/{path}", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "claim_lost")
    assert Task.objects.get(pk=task.pk).holder == ada


def test_without_a_key_nobody_claims(db):
    refused = Api().post("/claims", {})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert Api("omoi_00000000_nonsense").post("/claims", {}).status_code == 401
    assert Api().get("/nowhere").json()["code"] == "not_found"


@pytest.mark.parametrize("key", ["SEC", "NONE", "A\nB", "x y"])
def test_a_project_one_does_not_see_is_not_found(ada, operator, key):
    Project.objects.create_project(ProjectSpec("SEC"), by=operator)
    assert api_of(ada).post("/claims", {"project": key, "wait_s": 30}).status_code == 404


def test_who_holds_a_task_of_another_project_is_not_told(ada, operator):
    other = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    eve = Agent.objects.register(AgentSpec("eve"), projects=[other], by=operator)
    Ticket.objects.open(other, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    [claim] = Task.objects.claim(by=eve)
    told = api_of(ada).post(
        "/agents/me/heartbeat", {"claims": [{"task": str(claim.task), "fence": claim.fence}]}
    )
    assert told.json()["lost"] == [{"task": str(claim.task), "code": "claim_lost", "holder": None}]


def test_a_heartbeat_keeps_what_the_agent_says_of_itself(ada):
    calls = api_of(ada)
    calls.post("/agents/me/heartbeat", {"status": "degraded", "metrics": {"load": 3}})
    assert calls.get("/agents/me").json()["status"] == "degraded"
    calls.post("/agents/me/heartbeat", {"metrics": {"load": 4}})
    assert AgentPresence.objects.get(agent=ada).metrics == {"load": 4}
    assert calls.get("/agents/me").json()["status"] == "degraded"


def test_a_claim_says_when_it_is_stalled_and_a_heartbeat_nudges_then(task, ada):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]
    assert claim["stall_after_s"] == 1800
    held = {"task": str(task.pk), "fence": claim["fence"]}
    beat = calls.post("/agents/me/heartbeat", {"claims": [held | {"activity": "7 kB"}]}).json()
    assert (beat["claims"][0].keys(), beat["commands"]) == (held.keys() | {"lease_expires_at"}, [])

    Task.objects.filter(pk=task.pk).update(active_at=timezone.now() - timedelta(seconds=1801))

    beat = calls.post("/agents/me/heartbeat", {"claims": [held | {"activity": "7 kB"}]}).json()
    assert [(command["command"], command["task"]) for command in beat["commands"]] == [
        ("nudge", str(task.pk))
    ]
    beat = calls.post("/agents/me/heartbeat", {"claims": [held | {"activity": "8 kB"}]}).json()
    assert beat["commands"] == []


@pytest.mark.parametrize("activity", ["x" * 201, 7, ["x"], {"bytes": 7}, None])
def test_a_mark_is_a_short_text(task, ada, activity):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]
    held = {"task": str(task.pk), "fence": claim["fence"], "activity": activity}
    refused = calls.post("/agents/me/heartbeat", {"claims": [held]})
    assert refused.status_code == (200 if activity == 7 else 422)


def test_a_lapsed_claim_is_lost_as_lapsed_and_completed_late(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    calls = api_of(ada)
    one, two = Task.objects.claim(by=ada, limit=2)
    for claim in (one, two):
        lapse(claim)

    beat = calls.post(
        "/agents/me/heartbeat", {"claims": [{"task": str(one.task), "fence": one.fence}]}
    ).json()
    assert [lost["code"] for lost in beat["lost"]] == ["lapsed"]
    assert beat["commands"] == []

    done = calls.post(f"/tasks/{one.task}/completion", {"fence": one.fence})
    assert (done.status_code, done.json()["late"], done.json()["state"]) == (200, True, "completed")
    items = [{"task": str(two.task), "fence": two.fence, "outcome": "completed"}]
    [settled] = calls.post("/settlements", {"items": items}).json()["results"]
    assert settled == {"task": str(two.task), "ok": True, "state": "completed", "late": True}
    assert "late" not in calls.get(f"/tasks/{one.task}").json()


def test_a_claim_that_finds_nothing_is_refused_if_no_workflow_has_its_phase(task, ada):
    calls = api_of(ada)
    assert calls.post("/claims", {"phases": ["DOING", "WELDING"]}).status_code == 200

    refused = calls.post("/claims", {"phases": ["DOING", "WELDING"], "wait_s": 30})
    [fault] = refused.json()["errors"]
    assert (refused.status_code, fault["field"]) == (422, "phases")
    assert fault["message"].startswith("no workflow has a phase WELDING; there are ")
    assert "DOING" in fault["message"]
    assert calls.post("/claims", {"phases": ["DOING"]}).status_code == 204
    with CaptureQueriesContext(connection) as seen:
        assert Task.objects.claim(by=ada, phases=["DOING"]) == []
    assert len(seen) == 1  # what it knows already, it does not ask for again


def test_settlements_whose_next_phase_no_workflow_has_settle_nothing(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    item = {"task": str(claim.task), "fence": claim.fence, "outcome": "completed"}
    calls = api_of(ada)

    refused = calls.post("/settlements", {"items": [item], "next": {"phases": ["DOING", "WELDING"]}})

    [fault] = refused.json()["errors"]
    assert (refused.status_code, fault["field"]) == (422, "next.phases")
    assert Task.objects.get(pk=claim.task).state == "claimed"
    done = calls.post("/settlements", {"items": [item], "next": {"phases": ["DOING"]}}).json()
    assert (done["results"][0]["ok"], len(done["claims"])) == (True, 1)
