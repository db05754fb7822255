"""The fleet: what each agent is doing, who fits best, and the count of all."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentPresence, AgentSpec, Project, ProjectSpec
from omoi_site.database import sql
from tests.support.api_client import api_of
from tickets.api.agents import AgentOut, visible_agents
from tickets.models import Task, TaskSpec, fleet
from tickets.models.claim.workload import agent_document

pytestmark = pytest.mark.django_db


def silent_for(agent, seconds):
    sql.rows(
        """
        UPDATE agents_agentpresence
        SET last_seen_at = clock_timestamp() - %s * interval '1 s'
        WHERE agent_id = %s
        """,
        [seconds, agent.pk],
    )


def status_of(agent):
    return fleet().with_status().get(pk=agent.pk).status


def test_status_tells_what_an_agent_does_now(ada, operator, task):
    assert status_of(ada) == "idle"
    Task.objects.claim(by=ada)
    assert status_of(ada) == "running"
    silent_for(ada, 60)
    assert status_of(ada) == "degraded"
    silent_for(ada, 100)
    assert status_of(ada) == "stale"
    ada.seen(word="degraded", metrics={"load": 3})
    assert status_of(ada) == "degraded"
    ada.seen(word="")
    assert status_of(ada) == "running"
    with Agent.objects.locked(name="ada") as agent:
        agent.drain(by=operator)
    assert status_of(ada) == "draining"


def test_an_agent_is_written_as_seen_at_most_every_five_seconds(ada):
    silent_for(ada, 3)
    before = AgentPresence.objects.get(agent=ada).last_seen_at
    ada.seen()
    assert AgentPresence.objects.get(agent=ada).last_seen_at == before
    silent_for(ada, 6)
    ada.seen()
    assert AgentPresence.objects.get(agent=ada).last_seen_at > before


def test_the_agent_with_more_of_what_is_asked_is_the_better_match(project, operator, task):
    both = Agent.objects.register(
        AgentSpec("both", capabilities=["analysis", "python"], capacity=2), projects=[project], by=operator
    )
    half = Agent.objects.register(
        AgentSpec("half", capabilities=["python"], capacity=1, phases=["DOING"]),
        projects=[project],
        by=operator,
    )
    Agent.objects.register(
        AgentSpec("none", capabilities=["rust"], capacity=9), projects=[project], by=operator
    )
    Task.objects.claim(by=half)

    found = fleet().search(capabilities=["Python", "analysis"])

    assert [(match.agent, match.score, match.matched_capabilities) for match in found] == [
        (both, 1 + 0.2 + 0.2 + 0.1, ["analysis", "python"]),
        (half, 0.5 + 0.2, ["python"]),
    ]
    assert [match.agent for match in fleet().search(capabilities=["python"], phase="TODO")] == [both]
    silent_for(both, 60)
    assert [match.agent for match in fleet().search(capabilities=["analysis"])] == []
    assert [match.agent for match in fleet().search(capabilities=["analysis"], include_degraded=True)] == [
        both
    ]
    assert {match.agent.name for match in fleet().search()} == {"half", "none"}


def test_statistics_count_the_fleet(ada, bob, operator, task):
    Task.objects.claim(by=ada)
    silent_for(bob, 300)
    told = fleet().statistics()
    assert told["by_status"] == {"running": 1, "stale": 1}
    assert (told["total"], told["by_kind"], told["by_phase"]) == (2, {"worker": 2}, {"any": 2})
    assert told["health"] == {"healthy": 1, "unhealthy": 1, "unknown": 0}
    assert told["recent_heartbeats"] == {"last_5_minutes": 1, "last_hour": 2, "last_24_hours": 2}
    assert (told["capacity"], told["held"]) == (10, 1)


def test_a_page_of_the_fleet_costs_one_statement(project, operator, django_assert_num_queries):
    for number in range(20):
        Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)
    with django_assert_num_queries(1):
        assert len(fleet().with_status()) == 20
    with django_assert_num_queries(1):
        fleet().search(limit=20)


def test_a_person_sees_the_agents_of_their_projects(ada, project, operator, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    assert not fleet(eve).with_status()
    project.members.create(user=eve, role="viewer")
    assert list(fleet(eve).with_status()) == [ada]
    assert list(fleet(operator)) == [ada]


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_an_agent_sees_itself_the_same_by_both_ways(ticket, ada, operator):
    """The fast route reads the status by a statement of its own: in all states and however long silent."""
    other = Project.objects.create_project(ProjectSpec("AAA", workflow="simple"), by=operator)
    ada.projects.add(other)
    Agent.objects.filter(pk=ada.pk).update(capacity=1, tags=["x y"], phases=["DOING"])
    calls = api_of(ada)
    tasks = Task.objects.add(ticket, [TaskSpec("one")], by=operator)
    statuses = set()
    for claimed in (False, True):
        if claimed:
            sql.rows("UPDATE agents_agent SET state = 'available' WHERE id = %s", [ada.pk])
            assert len(Task.objects.claim(by=ada)) == len(tasks)
        for state, seconds, word in itertools.product(
            ("available", "maintenance", "draining"), (0, 60, 100, None), ("", "degraded")
        ):
            sql.rows("UPDATE agents_agent SET state = %s WHERE id = %s", [state, ada.pk])
            AgentPresence.objects.filter(agent=ada).delete()
            if seconds is not None:
                AgentPresence.objects.create(
                    agent=ada, last_seen_at=timezone.now() - timedelta(seconds=seconds), word=word
                )
            text, version = agent_document(ada.pk)
            [agent] = visible_agents(ada).filter(pk=ada.pk)
            assert (json.loads(text), version) == (AgentOut(agent).data, agent.version)
            assert list(json.loads(text)) == list(AgentOut().fields)
            statuses.add(agent.status)
    assert statuses == {"idle", "running", "degraded", "stale", "maintenance", "draining"}
    assert calls.get("/agents/me").json()["projects"] == ["AAA", "OMO"]
