"""The number beside *Attention* on every page: that of the list, at a cost that the agents do not add to."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import fail
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tests.tickets.attention.test_ticket_silent import silent
from tickets.models import AttentionCount, SweepRun, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.attention import attention_list
from tickets.models.attention.attention_count import SWEEP
from tickets.models.attention.attention_list import Query
from tickets.models.frame import frame

pytestmark = pytest.mark.django_db


def sweep():
    """As the clock does every 5 s."""
    attention_list.store_counts()
    SweepRun.note({SWEEP: ""})


def number(by):
    return frame(by).attention


def listed(by):
    return attention_list.count(Query(mine=True), by=by)


@pytest.fixture
def busy(project, ticket, ada, bob, operator):
    """One task failed for good; one that nobody can do, in this project and in another that operator sees."""
    Task.objects.add(
        ticket, [TaskSpec("x", max_attempts=1), TaskSpec("y", capabilities=["rust"])], by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada)
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by=operator)
    Ticket.objects.open(other, TicketSpec("z", tasks=[TaskSpec("z")]), by=operator)
    sql.rows("UPDATE tickets_task SET ready_at = clock_timestamp() - interval '1 h'")


def test_it_is_that_of_the_list_whether_the_sweep_has_counted_or_not(busy, ticket, ada, operator):
    assert number(operator) == listed(operator) > 1
    sweep()
    assert AttentionCount.objects.count() == 2
    assert number(operator) == listed(operator)

    # what people settle is counted at once; what depends on all agents, by the sweep
    failed = Task.objects.get(state="failed")
    before = number(operator)
    Task.objects.act(failed.pk, "retry", by=operator, reason="once more")
    assert number(operator) == before - 1
    Agent.objects.register(AgentSpec("eve", capabilities=["rust"]), projects=[ticket.project], by=operator)
    assert number(operator) == listed(operator) + 1
    attention_list.store_counts()
    assert number(operator) == listed(operator)
    assert number(ada) == listed(ada)  # an agent sees only its own project


def test_without_a_clock_it_is_counted_by_whoever_asks(busy, ticket, operator):
    sweep()
    Agent.objects.register(AgentSpec("eve", capabilities=["rust"]), projects=[ticket.project], by=operator)

    SweepRun.objects.filter(name=SWEEP).update(at="2020-01-01T00:00Z")

    assert number(operator) == listed(operator)


@pytest.mark.django_db(transaction=True)
def test_it_costs_the_same_however_many_agents_are_silent(project, ticket, operator):
    found = []
    for count in (5, 60):
        agents = [
            Agent.objects.register(AgentSpec(f"agent-{count}-{n}"), projects=[project], by=operator)
            for n in range(count)
        ]
        for agent in agents:
            Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
            assert Task.objects.claim(by=agent)
        silent(*agents)
        sweep()
        vacuum()
        with costs() as seen:
            items = number(operator)
        [frame] = [each.buffers for each in seen if "tickets_attentioncount" in each.text]
        found.append((items, frame))
    (few, cheap), (many, dear) = found
    assert (few, many) == (5, 65)
    assert dear <= cheap + 60, found  # less than one for each agent
