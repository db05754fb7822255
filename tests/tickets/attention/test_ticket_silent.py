"""A ticket whose claims are all of silent agents is listed, unless a person is awaited or it moves."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec
from omoi_site.database import sql
from tests.factories import complete, fail, holder_of
from tests.support.hostile_statistics import beliefs
from tests.support.vacuum import vacuum
from tests.tickets.attention.conftest import do, listed, only
from tests.tickets.attention.test_attention_cost import TABLES, buffers
from tickets.models import SweepRun, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def silent(*agents, minutes=5):
    sql.rows(
        """
        UPDATE agents_agentpresence
        SET last_seen_at = clock_timestamp() - %s * interval '1 min'
        WHERE agent_id = ANY (%s)
        """,
        [minutes, [agent.pk for agent in agents]],
    )


@pytest.fixture
def held(ticket, ada, bob, operator):
    """Two tasks, of which ada and bob hold one each for an hour."""
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    return [Task.objects.claim(by=agent, lease_s=3_600)[0] for agent in (ada, bob)]


def test_it_is_listed_once_when_the_last_holder_falls_silent(held, ticket, ada, bob, operator):
    silent(ada, minutes=30)
    assert listed(operator) == []
    silent(bob)

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == (
        "ticket_silent",
        f"OMO-1.{held[0].task}",
        "operator",
    )
    assert item["what"] == (
        "agents ada, bob hold 2 tasks of it, but have not been heard from for 5 minutes; the first lease ends"
        " in 59 minutes"
    )
    assert item["what"] in [cause["what"] for cause in Ticket.objects.explanation(ticket)["causes"]]
    ada.seen()
    assert listed(operator) == []


def test_its_tasks_are_requeued_from_the_list(held, ada, bob, operator, client):
    complete(held[0], by=ada)
    silent(ada, bob)
    client.force_login(operator)

    assert 'href="/agents/bob/requeue/?back=overview"' in client.get("/").content.decode()
    assert do(only(operator)["act"], by=operator).status_code == 200

    assert holder_of(Task(held[1].task)) is None
    assert [kind for kind, _ in listed(operator)] == ["agents_silent"]


def test_retiring_the_agents_frees_it(held, ada, bob, operator):
    silent(ada, bob)
    for agent in (ada, bob):
        Agent.objects.act(agent.pk, "retire", by=operator)
    assert [kind for kind, _ in listed(operator)] == ["nobody_able"]


def no_progress(held, ticket, ada, operator):
    sql.rows(
        """
        UPDATE tickets_task
        SET
          stall_s = 60,
          active_at = clock_timestamp() - interval '5 min',
          stalled_at = clock_timestamp() - interval '4 min'
        WHERE id = %s
        """,
        [held[0].task],
    )
    return ["no_progress"]


def failed(held, ticket, ada, operator):
    fail(held[0], by=ada, kind="permanent")
    return ["task_failed"]


def cannot_go_on(held, ticket, ada, operator):
    [gone] = Task.objects.add(ticket, [TaskSpec("gone", ref="a")], by=operator)
    Task.objects.add(ticket, [TaskSpec("left", needs=[NeedSpec(gone.pk)])], by=operator)
    Task.objects.filter(pk=gone.pk).cancel(by=operator, reason="no")
    return ["cannot_go_on"]


def ready(held, ticket, ada, operator):
    """Those who could take it are silent, too, which is listed so."""
    Task.objects.add(ticket, [TaskSpec("ready")], by=operator)
    return ["agents_silent"]


def by_a_person(held, ticket, ada, operator):
    [more] = Task.objects.add(ticket, [TaskSpec("by hand")], by=operator)
    Task.objects.assign(more.pk, by=operator, reason="mine")
    return []


def paused(held, ticket, ada, operator):
    Ticket.objects.act(ticket.pk, "pause", by=operator, reason="wait")
    return []


def lapsed(held, ticket, ada, operator):
    """The clock gives it back."""
    SweepRun.note({"lapse": ""})
    sql.rows("UPDATE tickets_task SET lease_expires_at = '2020-01-01' WHERE id = %s", [held[0].task])
    return []


@pytest.mark.parametrize("but", [no_progress, failed, cannot_go_on, ready, by_a_person, paused, lapsed])
def test_it_is_no_second_item_where_a_person_is_awaited_or_it_moves(but, held, ticket, ada, bob, operator):
    expected = but(held, ticket, ada, operator)
    silent(ada, bob)
    assert [kind for kind, _ in listed(operator)] == expected


def test_a_lease_that_ends_takes_it_off_the_list(held, ada, bob, operator):
    silent(ada, bob)
    assert len(listed(operator)) == 1
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
    Task.objects.lapse()
    assert [kind for kind, _ in listed(operator)] == ["agents_silent"]


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_it_costs_by_the_claims_of_silent_agents_alone(project, ticket, ada, operator, monkeypatch):
    """Whatever the planner believes."""
    for n in range(20):
        other = Ticket.objects.open(project, TicketSpec(f"{n}", tasks=[TaskSpec("x")] * 50), by=operator)
        assert other
    busy = [
        Agent.objects.register(AgentSpec(f"busy-{n}", capacity=50), projects=[project], by=operator)
        for n in range(10)
    ]
    for agent in busy:
        Task.objects.claim(by=agent, limit=40, lease_s=3_600)
    vacuum()
    costs = [buffers(operator, monkeypatch, "ticket_silent")["count"]]
    [held, *_] = Task.objects.claim(by=ada, lease_s=3_600)
    silent(ada)
    vacuum()
    with beliefs(TABLES, count=8) as believed:
        costs += [buffers(operator, monkeypatch, "ticket_silent")["count"] for _ in believed]
    assert max(costs) < 11 * 20, costs  # each agent with its claims, and one silent claim
    complete(held, by=ada)
