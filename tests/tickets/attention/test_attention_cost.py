"""What the attention list costs: buffers by the size of the backlog, counted."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec
from bench.claim import measure
from omoi_site.database import sql
from tests.factories import fail
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query

pytestmark = pytest.mark.django_db(transaction=True)


def buffers(by, monkeypatch):
    """Of each of the three statements."""
    cost = {}

    def measured(name, run):
        def measuring(statement, params):
            if "places" in statement:
                cost[name] = sum(measure(statement, params).values())
            return run(statement, params)

        return measuring

    for name, ask in (
        ("page", lambda: attention_list.page(Query(), by=by, limit=50)),
        ("count", lambda: attention_list.count(Query(mine=True), by=by)),
        ("tickets", lambda: attention_list.tickets_of("OMO")),
    ):
        with monkeypatch.context() as patch:
            for function in ("rows", "one", "tuples"):
                patch.setattr(sql, function, measured(name, getattr(sql, function)))
            ask()
    return cost


def test_the_backlog_costs_nothing(project, ada, operator, monkeypatch):
    for number in range(20):
        Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)
    bad = Ticket.objects.open(project, TicketSpec("bad", tasks=[TaskSpec("x")] * 3), by=operator)
    for claim in Task.objects.claim(by=ada, limit=3):
        fail(claim, by=ada, kind="permanent")
    Ticket.objects.advance_due()
    costs = []
    for count in (20, 180):
        for number in range(count):
            specs = [TaskSpec(f"{n}") for n in range(6)]
            Ticket.objects.open(project, TicketSpec(f"{number}", tasks=specs), by=operator)
        for table in ("tickets_task", "tickets_ticket"):
            sql.rows(f"VACUUM ANALYZE {table}")
        costs.append(buffers(operator, monkeypatch))

    few, many = costs
    assert all(many[name] <= few[name] + 12 for name in few), costs
    assert len(attention_list.tickets_of("OMO").ids) == 1, bad
