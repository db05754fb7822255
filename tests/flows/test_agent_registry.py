"""Agents over HTTP: the cases of group F of the system that Omoi replaces, by their names."""

from __future__ import annotations

import pytest

from agents.models import Agent, Event
from omoi_site.database import sql
from tests.support.api_client import Api
from tests.support.worker_process import running_worker
from tickets.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def register(project, calls):
    """Register an agent in the project; returns it and REST with its key."""

    def register(name, **fields):
        answer = calls.post("/agents", {"name": name, "projects": [project.key], **fields})
        assert answer.status_code == 201, answer.json()
        return answer.json()["agent"], Api(answer.json()["key"])

    return register


def unheard(name, seconds):
    """Nothing was heard of the agent for so long."""
    sql.rows(
        """
        UPDATE agents_agentpresence
        SET last_seen_at = clock_timestamp() - %s * interval '1 s'
        WHERE agent_id = (SELECT id FROM agents_agent WHERE name = %s)
        """,
        [seconds, name],
    )


def beat(agent, **report):
    return agent.post("/agents/me/heartbeat", {"claims": [], **report})


def test_f1_a_heartbeat_makes_an_agent_healthy_and_an_unknown_one_has_none(register, calls):
    """There the id was in the address, so that anybody could send it. Ours is the agent of the key, and a key
    that is not known is 401.
    """
    _, eve = register("eve")
    unheard("eve", 500)
    assert calls.get("/agents/eve").json()["status"] == "stale"
    assert beat(eve).status_code == 200
    after = calls.get("/agents/eve").json()
    assert after["status"] == "idle"
    assert beat(Api("omoi_00000000_nonsense")).status_code == 401


@pytest.mark.parametrize(
    ("seconds", "status"), [(30, "idle"), (60, "degraded"), (89, "degraded"), (91, "stale"), (300, "stale")]
)
def test_f2_an_agent_is_healthy_until_it_was_silent_for_too_long(register, calls, seconds, status):
    """The limit is 90 s there and here; ours is degraded from 45 s on. There the look itself wrote the state.
    Ours is derived, and what was stored is still the same.
    """
    register("eve")
    unheard("eve", seconds)
    before = Agent.objects.values().get(name="eve")
    assert calls.get("/agents/eve").json()["status"] == status
    assert Agent.objects.values().get(name="eve") == before
    assert not Event.objects.filter(topic="agent:eve", kind__contains="stale").exists()


def test_f3_statistics_count_by_status_kind_and_phase(register, calls):
    register("eve", kind="worker", phases=["DOING"])
    register("dan", kind="validator")
    register("kim", kind="worker", phases=["DOING", "TODO"])
    unheard("kim", 500)

    counts = calls.get("/agents/statistics").json()

    assert (counts["total"], counts["by_status"]) == (3, {"idle": 2, "stale": 1})
    assert counts["by_kind"] == {"worker": 2, "validator": 1}
    assert counts["by_phase"] == {"DOING": 2, "TODO": 1, "any": 1}
    assert counts["health"] == {"healthy": 2, "unhealthy": 1, "unknown": 0}


def test_f4_the_stale_ones_are_found(register, calls):
    """There they were marked, and a clean-up marked them once more as `timeout`. Ours are found by their
    status, which is over with the next heartbeat; nothing has to be cleaned up.
    """
    _, eve = register("eve")
    register("dan")
    unheard("eve", 500)
    assert [each["name"] for each in calls.get("/agents", status="stale").json()["results"]] == ["eve"]
    assert {each["name"]: each["status"] for each in calls.get("/agents").json()["results"]} == {
        "eve": "stale",
        "dan": "idle",
    }
    beat(eve)
    assert calls.get("/agents", status="stale").json()["results"] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_f5_a_worker_is_heard_of_until_it_is_stopped(project, calls):
    """There a thread of the worker sent heartbeats. Ours beats in its loop and goes on when the database was
    away (tests/tickets/runtime/test_worker.py); when it is stopped, it says nothing more.
    """
    with running_worker("w1"):
        assert calls.get("/agents/w1").json()["status"] == "idle"
    unheard("w1", 91)
    assert calls.get("/agents/w1").json()["status"] == "stale"


def test_f6_a_registered_agent_keeps_what_it_was_given(register):
    """There it counted as stale until its first heartbeat. Ours is heard of by registering."""
    made, _ = register(
        "eve", kind="validator", capacity=3, capabilities=[" Python ", "ANALYSIS", "python"], tags=["Fast"]
    )
    assert (made["kind"], made["capacity"], made["capabilities"], made["tags"]) == (
        "validator",
        3,
        ["analysis", "python"],
        ["fast"],
    )
    assert made["status"] == "idle"


def test_f7_who_has_more_of_what_is_needed_and_is_idle_comes_first(register, calls, opened):
    register("both", capabilities=["analysis", "python"])
    _, one = register("one", capabilities=["python"], capacity=2)
    register("none", capabilities=["cooking"])
    opened({"title": "t", "capabilities": ["python"]})
    assert one.post("/claims", {}).status_code == 200

    found = calls.get("/agents/search", capability=["analysis", "python"]).json()["results"]

    assert [(each["agent"]["name"], each["matched_capabilities"]) for each in found] == [
        ("both", ["analysis", "python"]),
        ("one", ["python"]),
    ], "there, one without any of them could be found too"
    assert [each["score"] for each in found] == [1 + 0.2 + 0.2 + 0.05, 0.5 + 0.2 + 0.05]
    best = calls.get("/agents/best-fit", capability=["analysis", "python"]).json()
    assert best["agent"]["name"] == "both"


def test_f8_a_change_of_capabilities_is_one_event(register, calls):
    """There it was `agent.capability.updated`, published on registering too. Ours is `agent.edited`, with the
    values before and after, and none if nothing changes.
    """
    register("eve", capabilities=["python"])
    for _ in range(2):
        assert calls.patch("/agents/eve", {"capabilities": ["Go", "python"]}).status_code == 200
    [event] = Event.objects.filter(topic="agent:eve", kind="agent.edited")
    assert (event.data["before"], event.data["after"]) == (
        {"capabilities": ["python"]},
        {"capabilities": ["go", "python"]},
    )


@pytest.mark.parametrize(("given", "capacity"), [({"capacity": 3}, 3), ({}, 1)])
def test_f9_a_worker_has_the_capacity_that_it_was_given_or_one(register, opened, given, capacity):
    made, eve = register("eve", **given)
    assert (made["capacity"], made["free"], made["status"]) == (capacity, capacity, "idle")
    opened(*[f"t{n}" for n in range(5)])
    assert len(eve.post("/claims", {"limit": 5}).json()["claims"]) == capacity
    assert Task.objects.filter(state="claimed").count() == capacity
