"""The queue of tasks over HTTP: which tasks are granted in which order, and the effects of a claim, a
completion and a failure.
"""

from __future__ import annotations

import pytest

from tests.factories import allow_workflow
from tests.flows.conftest import titles
from tickets.models import Task, Ticket, Workflow

pytestmark = pytest.mark.django_db


def test_a_new_task_is_pending_with_what_was_given(opened):
    ticket, tasks = opened({"title": "Write it", "kind": "code", "priority": "HIGH", "phase": "PHASE_DOING"})
    task = tasks["Write it"]
    assert task["id"]
    assert (task["state"], task["ticket"], task["phase"], task["kind"], task["priority"]) == (
        "pending",
        ticket["key"],
        "DOING",
        "code",
        "high",
    )


def test_an_empty_queue_grants_nothing(project, agent):
    """It answers 204, without a body."""
    answer = agent.post("/claims", {})
    assert (answer.status_code, answer.content) == (204, b"")


def test_high_before_medium_before_low(opened, claim):
    """This is the order of tasks added at the same time; one that waited long does not wait for ever."""
    opened(*[{"title": priority, "priority": priority} for priority in ("low", "high", "medium")])
    assert titles(claim()) == ["high"]
    assert titles(claim()) == ["medium"]
    assert titles(claim()) == ["low"]


def test_only_tasks_of_the_asked_phase(opened, claim, project, operator):
    workflow = Workflow.objects.install(
        {
            "name": "two",
            "phases": [
                {"name": "PLAN", "to": ["BUILD"]},
                {"name": "BUILD", "to": ["DONE"]},
                {"name": "DONE", "to": []},
            ],
        }
    )
    allow_workflow(project, workflow)
    opened("Plan it", workflow=workflow.name)
    opened("Build it", workflow=workflow.name, phase="BUILD", reason="the plan was made elsewhere")

    assert titles(claim(5, phases=["PHASE_BUILD"])) == ["Build it"]
    assert titles(claim(5)) == ["Plan it"]
    assert Ticket.objects.count() == 2


def test_a_claimed_task_names_its_holder_with_fence_and_lease(opened, claim, calls):
    _, tasks = opened("Write it")
    [held] = claim()
    task = calls.get(f"/tasks/{tasks['Write it']['id']}").json()
    assert (task["state"], task["holder"]) == ("claimed", "ada")
    assert task["fence"] == held["fence"] == 1
    assert task["lease_expires_at"] == held["lease_expires_at"]


def test_the_time_of_the_claim_is_the_start(opened, claim, calls):
    _, tasks = opened("Write it")
    assert calls.get(f"/tasks/{tasks['Write it']['id']}").json()["claimed_at"] is None
    claim()
    assert calls.get(f"/tasks/{tasks['Write it']['id']}").json()["claimed_at"]


def test_a_completion_stores_the_result_and_the_time(opened, claim, complete, calls):
    """The result is any JSON of the agent."""
    opened("Write it")
    [held] = claim()
    complete(held, {"files": ["a.py"], "conversation": "c-1"})
    task = calls.get(f"/tasks/{held['task']['id']}").json()
    assert (task["state"], task["result"]) == ("completed", {"files": ["a.py"], "conversation": "c-1"})
    assert task["ended_at"]
    assert (task["holder"], task["lease_expires_at"]) == (None, None)


def test_a_failure_stores_the_message_and_the_time(opened, claim, agent, calls):
    """After a transient failure the task is pending while attempts are left; a permanent one ends it."""
    opened({"title": "Write it", "max_attempts": 3})
    [held] = claim()
    answer = agent.post(
        f"/tasks/{held['task']['id']}/failure", {"fence": 1, "error": "disk full", "kind": "transient"}
    ).json()
    assert (answer["state"], answer["ready"], answer["error"], answer["ended_at"]) == (
        "pending",
        False,
        "disk full",
        None,
    )

    Task.objects.filter(pk=held["task"]["id"]).update(not_before="2020-01-01T00:00Z")
    [held] = claim()
    recovery = held["brief"]["recovery"]
    assert (recovery["attempt"], recovery["error"]) == (2, "disk full")
    assert [(each["attempt"], each["kind"]) for each in recovery["tried"]] == [(1, "transient")]
    answer = agent.post(
        f"/tasks/{held['task']['id']}/failure", {"fence": 2, "error": "no such branch", "kind": "permanent"}
    ).json()
    assert (answer["state"], answer["error"]) == ("failed", "no such branch")
    assert answer["ended_at"]


def test_tasks_are_listed_by_holder_and_state(opened, claim, calls):
    opened("one", "two", "three")
    mine = {held["task"]["id"] for held in claim(2)}
    assert {
        task["id"] for task in calls.get("/tasks", agent="ada", state="claimed").json()["results"]
    } == mine
    assert [task["state"] for task in calls.get("/tasks", state="pending").json()["results"]] == ["pending"]
