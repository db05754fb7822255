"""Many settlements at once: one transaction, each judged by its own fence."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, ProjectSpec
from omoi_site.database import sql
from tests.support.api_client import api_of
from tickets.models import Artifact, Task, TaskSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def eve(project, operator):
    """An agent who can hold many."""
    return Agent.objects.register(AgentSpec("eve", capacity=500), projects=[project], by=operator)


def claims_of(agent, ticket, operator, count):
    Task.objects.add(ticket, [TaskSpec(f"part {n}") for n in range(count)], by=operator)
    return [
        claim for _ in range(0, count, 100) for claim in Task.objects.claim(by=agent, limit=min(count, 100))
    ]


def items(claims):
    return [{"task": str(claim.task), "fence": claim.fence, "outcome": "completed"} for claim in claims]


def test_of_200_with_20_old_fences_180_are_settled_in_one_transaction(ticket, eve, bob, operator):
    claims = claims_of(eve, ticket, operator, 200)
    late = {claim.task for claim in claims[::10]}
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = ANY (%s)",
        [list(late)],
    )
    Task.objects.lapse()
    # they were somebody else's since, and one still is
    Agent.objects.filter(pk=bob.pk).update(capacity=20)
    for claim in Task.objects.claim(by=bob, limit=20)[1:]:
        Task.objects.release(claim.task, claim.fence, by=bob)

    answer = api_of(eve).post("/settlements", {"items": items(claims)})

    results = answer.json()["results"]
    assert [result["task"] for result in results] == [str(claim.task) for claim in claims]
    assert [result.get("code") for result in results] == [
        "claim_lost" if claim.task in late else None for claim in claims
    ]
    assert sum(result["ok"] for result in results) == 180
    assert {result["holder"] for result in results if not result["ok"]} == {None, "bob"}
    assert Task.objects.filter(state="completed").count() == 180
    ends = sql.rows("SELECT DISTINCT xid::text FROM agents_event WHERE kind = 'task.completed'")
    assert len(ends) == 1


def test_the_number_of_statements_does_not_grow_with_the_batch(ticket, eve, operator):
    def cost(count):
        claims, calls = claims_of(eve, ticket, operator, count), api_of(eve)
        calls.post("/settlements", {"items": items(claims[:1])})
        with CaptureQueriesContext(
            connection,
        ) as told:
            assert calls.post("/settlements", {"items": items(claims[1:])}).status_code == 200
        return len(told)

    assert cost(200) == cost(3)


def test_the_same_settlements_again_are_answered_alike(ticket, eve, operator):
    batch, calls = items(claims_of(eve, ticket, operator, 3)), api_of(eve)
    first = calls.post("/settlements", {"items": batch})
    assert calls.post("/settlements", {"items": batch}).json() == first.json()
    twice = calls.post(
        "/settlements",
        {"items": [batch[0], {**batch[0], "outcome": "failed", "error": "x", "kind": "permanent"}]},
    )
    assert [result["ok"] for result in twice.json()["results"]] == [True, False]


def test_each_item_ends_in_its_own_way(ticket, eve, operator):
    done, broken, hopeless = items(claims_of(eve, ticket, operator, 3))
    done["artifacts"] = [{"type": "notes", "content": "what was done"}]
    broken |= {"outcome": "failed", "error": "network", "kind": "transient"}
    hopeless |= {"outcome": "failed", "error": "no such thing", "kind": "permanent"}
    results = api_of(eve).post("/settlements", {"items": [done, broken, hopeless]}).json()["results"]
    assert [result["state"] for result in results] == ["completed", "pending", "failed"]
    assert Artifact.objects.get().task_id == int(done["task"])


def test_tasks_of_others_are_not_told_of(ticket, eve, task, bob, operator):
    from agents.models import Project

    there = Project.objects.create_project(ProjectSpec("OTHER", workflow="simple"), by=operator)
    spy = Agent.objects.register(AgentSpec("spy"), projects=[there], by=operator)
    [claim] = Task.objects.claim(by=bob)
    asked = [
        {"task": str(claim.task), "fence": claim.fence, "outcome": "completed"},
        {"task": "999999", "fence": 1, "outcome": "completed"},
    ]
    [seen, unknown] = api_of(spy).post("/settlements", {"items": asked}).json()["results"]
    assert {**seen, "task": ""} == {**unknown, "task": ""}
    assert Task.objects.get(pk=claim.task).state == "claimed"


@pytest.mark.parametrize(
    "batch",
    [
        [],
        [{"task": "1", "fence": 1, "outcome": "failed"}],
        [{"task": "1", "fence": 1, "outcome": "completed"}] * 201,
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(eve, batch):
    assert api_of(eve).post("/settlements", {"items": batch}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_an_artifact_that_cannot_be_kept_undoes_the_batch(ticket, eve, operator):
    batch = items(claims_of(eve, ticket, operator, 2))
    batch[1]["artifacts"] = [{"type": "NO", "content": ""}]
    assert api_of(eve).post("/settlements", {"items": batch}).status_code == 422
    assert not Task.objects.filter(state="completed").exists()
