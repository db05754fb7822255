"""Whoever takes an agent out of work is told what nobody else can do then."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Agent, AgentSpec, Event
from omoi_site.database import sql
from tests.factories import complete
from tests.support.api_client import api_of
from tickets.models import Edge, Need, Task, TaskSpec
from tickets.models.explain.nobody_else import MOST, STAND_DOWN, nobody_else

pytestmark = pytest.mark.django_db


def register(name, project, operator, **more):
    agent = Agent.objects.register(AgentSpec(name, **more), projects=[project], by=operator)
    agent.seen()
    return agent


@pytest.fixture
def cat(project, operator):
    """An agent that knows Rust."""
    return register("cat", project, operator, capabilities=["rust"])


@pytest.fixture
def rust(ticket, operator):
    """A task that needs somebody who knows it."""
    [added] = Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    return added


def alone(agent, verb="retire"):
    return nobody_else(Agent.objects.get(pk=agent.pk), verb).tasks


def silent(agent):
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = last_seen_at - interval '91 s'")


def test_what_others_can_do_is_not_told(ada, bob, cat, task, rust):
    bob.seen()
    assert alone(cat) == [rust.key]
    assert alone(ada) == []


def test_what_waits_is_told_too_and_what_has_ended_is_not(ticket, ada, cat, rust, operator):
    [then] = Task.objects.add(ticket, [TaskSpec("Ship it", capabilities=["rust"])], by=operator)
    Need.objects.add(ticket.project_id, [Edge(rust.pk, then.pk)], by=operator)
    assert alone(cat) == [rust.key, then.key]
    [claim] = Task.objects.claim(by=cat)
    complete(claim, by=cat)
    assert alone(cat) == [then.key]


@pytest.mark.parametrize(
    "other", ["is unavailable", "was not heard of", "has another project", "has another phase"]
)
def test_an_agent_that_does_not_live_or_work_there_is_nobody(project, operator, cat, rust, other):
    dog = register("dog", project, operator, capabilities=["rust"])
    assert alone(cat) == []
    match other:
        case "is unavailable":
            Agent.objects.act(dog.pk, "make_unavailable", by=operator)
        case "was not heard of":
            silent(dog)
        case "has another project":
            sql.rows("DELETE FROM agents_agent_projects WHERE agent_id = %s", [dog.pk])
        case "has another phase":
            Agent.objects.act(dog.pk, "edit", by=operator, phases=["TESTING"])
    assert alone(cat) == [rust.key]


@pytest.mark.parametrize("verb", STAND_DOWN)
def test_what_it_holds_counts_where_it_is_taken_from_it(cat, rust, verb):
    Task.objects.claim(by=cat)
    assert alone(cat, verb) == ([rust.key] if verb in ("quarantine", "retire") else [])


def test_of_an_agent_that_takes_nothing_anyhow_only_what_it_holds_is_told(cat, ticket, rust, operator):
    Task.objects.claim(by=cat)
    Task.objects.add(ticket, [TaskSpec("Port more", capabilities=["rust"])], by=operator)
    Agent.objects.act(cat.pk, "drain", by=operator)
    assert alone(cat) == [rust.key]


def test_many_are_told_as_so_many_or_more(cat, ticket, operator):
    specs = [TaskSpec(f"task {n}", capabilities=["rust"]) for n in range(MOST + 1)]
    Task.objects.add(ticket, specs, by=operator)
    told = nobody_else(cat, "drain")
    assert len(told.tasks) == MOST
    assert told.sentence.startswith(f"Nobody else can do {MOST} or more open tasks: OMO-1.")
    assert told.sentence.endswith(", ….")


def test_a_worker_is_missed_only_by_what_has_a_profile(ticket, operator, task):
    worker = Agent.objects.worker("w1", capacity=2)
    worker.seen()
    [echo] = Task.objects.add(
        ticket, [TaskSpec("Echo", profile="echo", slots={"text": "x"})], by="system:test"
    )
    assert alone(worker) == [echo.key]
    Agent.objects.worker("w2", capacity=2).seen()
    assert alone(worker) == []


@pytest.mark.parametrize("word", ["unavailable", "drain", "quarantine", "retire"])
def test_the_command_says_it_and_a_dry_run_changes_nothing(capsys, cat, rust, word):
    before = Event.objects.count()
    call_command("agents", word, "cat", "--dry-run")
    state = {"unavailable": "maintenance", "drain": "draining"}.get(word, f"{word.rstrip('e')}ed")
    warning = f"Nobody else can do 1 open task: {rust.key}.\n"
    assert capsys.readouterr().out == f"cat would be {state}.\n{warning}"
    assert (Agent.objects.get(pk=cat.pk).state, Event.objects.count()) == ("available", before)

    call_command("agents", word, "cat", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["agent"]["state"], told["nobody_else"], told["dry_run"]) == (state, [rust.key], False)
    assert Agent.objects.get(pk=cat.pk).state == state


@pytest.mark.parametrize("act", ["availability", "drain", "quarantine", "retire"])
def test_over_http_it_is_done_and_warned_of(operator, cat, rust, act):
    body = {"available": False} if act == "availability" else {}
    answer = api_of(operator).post(f"/agents/cat/{act}", body)
    assert answer.status_code == 200
    assert answer.json()["warnings"] == [f"Nobody else can do 1 open task: {rust.key}."]
    assert answer.json()["state"] != "available"


def test_over_http_nothing_is_warned_of_where_others_are(operator, ada, bob, cat, task):
    bob.seen()
    assert api_of(operator).post("/agents/ada/retire", {}).json()["warnings"] == []
    available = api_of(operator).post("/agents/cat/availability", {"available": True})
    assert available.json()["warnings"] == []


def test_the_admin_says_it_before(client, operator, cat, rust):
    client.force_login(operator)
    for action in ("drain_agents", "quarantine_agents", "retire_agents"):
        page = client.post("/admin/agents/agent/", {"action": action, "_selected_action": [cat.pk]})
        assert f"Nobody else can do 1 open task: {rust.key}." in page.content.decode()
    assert Agent.objects.get(pk=cat.pk).state == "available"


def test_it_is_one_statement_however_many_there_are(cat, ticket, operator, django_assert_num_queries):
    Task.objects.add(ticket, [TaskSpec(f"t {n}", capabilities=["rust"]) for n in range(50)], by=operator)
    with django_assert_num_queries(1):
        assert len(nobody_else(cat, "retire").tasks) == 50
