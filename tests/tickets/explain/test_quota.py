"""What explain says of the pool that keeps a task from being granted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentSpec, Pool, Project
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db

POOL = "anthropic:team"


@pytest.fixture
def waiting(ticket, ada, operator):
    """A task for which there is only ada, who is at work, because no other agent may begin here."""
    Pool.objects.create_pool(POOL, by=operator)
    Agent.objects.filter(pk=ada.pk).update(pools=[POOL])
    _, waiting = Task.objects.add(ticket, [TaskSpec("at work"), TaskSpec("waiting")], by=operator)
    Task.objects.claim(by=ada)
    return waiting


def causes(task):
    [told] = Task.objects.explanations([task.pk]).values()
    assert Task.objects.waits([task.pk]) == {task.pk: told["waiting_on"]}
    return [(cause["code"], cause["who"], cause["what"]) for cause in told["causes"]]


@pytest.mark.parametrize("outside", ["abe", "zoe"])
@pytest.mark.parametrize(
    ("limit", "closed", "cause"),
    [
        (None, True, ("quota", "operator", f"the pool {POOL} is closed until somebody opens it: used up")),
        (1, False, ("quota", "agents", f"the pool {POOL} allows 1 claim at once, and has no room")),
    ],
    ids=["closed", "full"],
)
def test_the_pool_is_that_of_the_agents_that_could_take_it(
    waiting, project, operator, outside, limit, closed, cause
):
    """Where no more agents may work, others say nothing about it, whether they have that pool or not."""
    Project.objects.act(project.pk, "edit", by=operator, max_agents=1)
    Agent.objects.register(AgentSpec(outside), projects=[project], by=operator)
    pool = Pool.objects.get()
    Pool.objects.act(pool.pk, "edit", by=operator, limit=limit)
    if closed:
        Pool.objects.act(pool.pk, "close", by=operator, reason="used up")

    assert causes(waiting) == [cause]


def test_of_two_pools_the_one_of_the_agent_at_work_is_named(waiting, project, operator):
    Project.objects.act(project.pk, "edit", by=operator, max_agents=1)
    other = Pool.objects.create_pool("openai:team", by=operator)
    Agent.objects.register(AgentSpec("abe", pools=["openai:team"]), projects=[project], by=operator)
    Pool.objects.act(other.pk, "close", by=operator, reason="x", resets_at=soon(1))
    Pool.objects.act(
        Pool.objects.get(name=POOL).pk, "close", by=operator, reason="used up", resets_at=soon(2)
    )

    [(code, who, what)] = causes(waiting)

    assert (code, who) == ("quota", "clock")
    assert what.startswith(f"the pool {POOL} is closed")


def soon(hours):
    return timezone.now() + timedelta(hours=hours)
