"""What the attention list costs: buffers by the size of the backlog, counted."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec
from bench.claim import measure
from omoi_site.database import sql
from tests.factories import fail
from tests.support.hostile_statistics import HOW_MANY, beliefs
from tests.support.vacuum import vacuum
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query

TABLES = [
    *("agents_agent", "agents_agentpresence", "agents_agent_projects", "agents_project", "agents_member"),
    *("tickets_lane", "tickets_task", "tickets_ticket", "tickets_workflowphase"),
]
A_LANE, AN_AGENT = 40, 8  # buffers at most: its row, first task and ticket; its row, presence and claims

pytestmark = pytest.mark.django_db(transaction=True)


def buffers(by, monkeypatch, *kinds):
    """Of each of the three statements; of these kinds, where clients can ask for some."""
    cost = {}

    def measured(name, run):
        def measuring(statement, params):
            if "places" in statement:
                cost[name] = sum(measure(statement, params).values())
            return run(statement, params)

        return measuring

    for name, ask in (
        ("page", lambda: attention_list.page(Query(kinds=kinds), by=by, limit=50)),
        ("count", lambda: attention_list.count(Query(kinds=kinds, mine=True), by=by)),
        ("tickets", lambda: attention_list.tickets_of("OMO")),
    ):
        with monkeypatch.context() as patch:
            for function in ("rows", "one", "tuples"):
                patch.setattr(sql, function, measured(name, getattr(sql, function)))
            ask()
    return cost


@pytest.mark.full
def test_the_backlog_costs_nothing(project, ada, operator, monkeypatch):
    for number in range(20):
        Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)
    bad = Ticket.objects.open(
        project, TicketSpec("bad", tasks=[TaskSpec("x", max_attempts=1)] * 3), by=operator
    )
    for claim in Task.objects.claim(by=ada, limit=3):
        fail(claim, by=ada)
    Ticket.objects.advance_due()
    costs = []
    for count in (20, 180):
        for number in range(count):
            specs = [TaskSpec(f"{n}") for n in range(6)]
            Ticket.objects.open(project, TicketSpec(f"{number}", tasks=specs), by=operator)
        vacuum()
        costs.append(buffers(operator, monkeypatch))

    few, many = costs
    assert all(many[name] <= few[name] + 12 for name in few), costs
    assert len(attention_list.tickets_of("OMO").ids) == 1, bad


@pytest.mark.full
@pytest.mark.parametrize("believing", HOW_MANY)
def test_agents_are_read_once_for_all_lanes(project, ticket, operator, monkeypatch, believing):
    """All agents are silent, so for each lane all of them are looked at."""
    skills = [f"skill-{number}" for number in range(20)]
    for number in range(30):
        spec = AgentSpec(f"agent-{number}", capabilities=skills)
        Agent.objects.register(spec, projects=[project], by=operator)
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")
    Task.objects.add(ticket, [TaskSpec("x", capabilities=[skill]) for skill in skills], by=operator)

    items, _ = attention_list.page(Query(), by=operator, limit=50)
    assert [item.kind.name for item in items] == ["agents_silent"] * 20
    with beliefs(TABLES, count=believing) as believed:
        for belief in believed:
            cost = buffers(operator, monkeypatch)
            assert max(cost.values()) <= 20 * A_LANE + 30 * AN_AGENT, (cost, belief)


@pytest.mark.full
@pytest.mark.parametrize("believing", HOW_MANY)
def test_critical_work_is_found_behind_other_work(project, ticket, ada, operator, monkeypatch, believing):
    """Work that waited for eight hours comes before it."""
    Task.objects.add(ticket, [TaskSpec("x")] * 1_500, by=operator)
    Task.objects.add(ticket, [TaskSpec("leak", priority=0)] * 500, by=operator)
    Task.objects.filter(priority=2).update(rank=-1)
    old = Task.objects.filter(priority=0).order_by("-pk")[:3]
    Task.objects.filter(pk__in=[task.pk for task in old]).update(ready_at="2026-01-01T00:00Z")
    vacuum()

    [item], _ = attention_list.page(Query(), by=operator, limit=50)
    assert (item.kind.name, item.act.label) == ("critical", "Bump")
    costs = [(buffers(operator, monkeypatch, "critical"), "known")]
    with beliefs(TABLES, count=believing) as believed:
        costs += [(buffers(operator, monkeypatch, "critical"), belief) for belief in believed]
    dear = [(cost, belief) for cost, belief in costs if max(cost["page"], cost["count"]) > 100]
    assert not dear, dear
