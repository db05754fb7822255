"""What explain says of the pool that keeps a task from being granted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentSpec, Pool, Project
from tests.tickets.attention.conftest import only
from tests.tickets.explain.random_world import silent
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


def test_a_pool_that_keeps_some_of_the_able_agents_is_named_for_them(waiting, project, operator):
    """ada is full, zed awake and kept by the pool, cyd silent and outside of it."""
    Agent.objects.update(capacity=1, pools=[])
    Agent.objects.register(AgentSpec("zed", pools=[POOL]), projects=[project], by=operator)
    cyd = Agent.objects.register(AgentSpec("cyd"), projects=[project], by=operator)
    silent(cyd)
    Pool.objects.act(Pool.objects.get().pk, "close", by=operator, reason="used up")
    sentence = f"ada has no free capacity; zed is kept by the pool {POOL}; cyd is silent"
    told = [
        ("capacity", "agents", f"nobody who could do it is free: {sentence}"),
        (
            "quota",
            "operator",
            f"zed could do it, but the pool {POOL} is closed until somebody opens it: used up",
        ),
    ]
    assert causes(waiting) == told
    assert Task.objects.claim(by=Agent.objects.get(name="zed")) == []

    Task.objects.filter(pk=waiting.pk).update(priority=0, ready_at="2020-01-01T00:00Z")
    assert causes(waiting)[0][2].endswith(f"nobody has taken it: {sentence}")
    item = only(operator)
    assert item["kind"] == "critical"
    assert item["what"].endswith(f"nobody has taken it: {sentence}; 1 task of Doing waits")
    assert causes(waiting)[1:] == told


def test_of_silent_agents_only_those_are_to_be_started_that_no_pool_keeps(waiting, project, operator):
    Agent.objects.update(capacity=9, pools=[POOL])
    cyd = Agent.objects.register(AgentSpec("cyd"), projects=[project], by=operator)
    Agent.objects.register(AgentSpec("zed", pools=[POOL]), projects=[project], by=operator)
    for each in Agent.objects.all():
        silent(each)
    Pool.objects.act(Pool.objects.get().pk, "close", by=operator, reason="used up")

    first, second = Task.objects.explanations([waiting.pk])[waiting.pk]["causes"]

    assert (first["code"], first["how"].partition(",")[0]) == ("agent_silent", f"Start {cyd}")
    assert second["what"].startswith(f"ada, zed could do it, but the pool {POOL} is closed")


def soon(hours):
    return timezone.now() + timedelta(hours=hours)
