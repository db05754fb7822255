"""What explanations cost, whatever PostgreSQL believes of the tables."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec
from bench.claim import measure
from tests.factories import asks_for_approvals, work_off
from tests.support.hostile_statistics import HOW_MANY, beliefs
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.explain import task_explanation, ticket_explanation

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = [
    *("agents_agent", "agents_agentpresence", "agents_agent_projects", "agents_project", "tickets_lane"),
    *("tickets_task", "tickets_ticket", "tickets_workflowphase", "tickets_need"),
]


def buffers(statement, **parameters):
    return sum(measure(statement, parameters).values())


@pytest.mark.full
@pytest.mark.parametrize("believing", HOW_MANY)
def test_no_statistics_let_the_fleet_or_all_tickets_be_read_for_each_task(project, operator, believing):
    for _ in range(10):
        Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    for number in range(30):
        Agent.objects.register(AgentSpec(f"one-{number}"), projects=[project], by=operator)
    tickets, tasks = (list(model.objects.values_list("pk", flat=True)) for model in (Ticket, Task))
    for _ in range(6):  # a backlog that nobody asks about
        Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")] * 150), by=operator)
    statements = {
        "tickets wait": (ticket_explanation.WAITS, tickets),
        "tasks wait": (task_explanation.waits_statement(), tasks),
        "explanations": (task_explanation.explanations_statement(), tasks),
    }

    usual: dict[str, int] = {}
    with beliefs(TABLES, count=believing) as believed:
        for belief in believed:
            for name, (statement, ids) in statements.items():
                cost = buffers(statement, ids=ids)
                assert cost <= 1.3 * usual.setdefault(name, cost), (name, cost, usual[name], belief)


@pytest.mark.full
@pytest.mark.parametrize("believing", HOW_MANY)
def test_tickets_that_await_approval_cost_what_is_in_their_phases(project, operator, ada, believing):
    asking = Ticket.objects.open(project, TicketSpec("x", workflow=asks_for_approvals(project)), by=operator)
    work_off(asking, by=operator, agent=ada)
    costs = []
    for count in (10, 150):
        for number in range(count):
            spec = TicketSpec(f"{number}", workflow="simple", tasks=[TaskSpec("x")] * 3)
            Ticket.objects.open(project, spec, by=operator)
        query, values = Ticket.objects.awaiting_approval().values("pk").query.sql_with_params()
        assert not values
        statement = f"SELECT * FROM ({query}) waiting LIMIT %(most)s"
        with beliefs([*TABLES, "tickets_artifact"], count=believing) as believed:
            costs.append(max(buffers(statement, most=1_000) for _ in believed))
    assert list(Ticket.objects.awaiting_approval()) == [asking]
    assert costs[1] <= costs[0] + 150 / 2, costs  # at worst the pages of the table; four for each were read
