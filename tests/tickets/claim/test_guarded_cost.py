"""What limits and a fair share cost: buffers of a claim with and without them."""

from __future__ import annotations

import pytest

from agents.models import Agent, Pool, Project, ProjectSpec
from bench.claim import asked, backlog, measure
from omoi_site.database import sql
from tests.factories import allow_workflow
from tests.support.vacuum import vacuum
from tests.support.wip_scene import watch_phases
from tests.tickets.claim.test_limits import in_doing, limit
from tests.tickets.claim.test_wip import age
from tickets.models import Lane, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.claim.claim_sql import CLAIM, CLAIM_GUARDED, LOCK_GUARDS

pytestmark = pytest.mark.django_db(transaction=True)


def with_locks(agent, guards):
    """Buffers of a guarded claim: of its locks and of the statement that grants."""
    given = asked(agent, locked=True, guards=guards, remembered=True)
    return {
        "locks": sum(measure(LOCK_GUARDS, given).values()),
        **measure(CLAIM_GUARDED, given),
    }


@pytest.mark.parametrize("ready", [1_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_a_fair_share_and_limits_cost_half_as_much_again_at_most(ticket, ada, bob, operator, ready):
    """The first claim costs a look more, which finds out what to lock."""
    Agent.objects.filter(pk__in=[ada.pk, bob.pk]).update(capabilities=["skill-0"], capacity=50)
    backlog(ticket, ready, 1)
    Task.objects.claim(by=bob, limit=3)
    vacuum()
    plain = measure(CLAIM, asked(ada))
    for key in ("TWO", "THREE"):
        other = Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator)
        in_doing(other, operator, 3)
        for agent in (ada, bob):
            agent.projects.add(other)
        Task.objects.claim(by=bob, limit=2)
    vacuum()
    shared = measure(CLAIM, asked(ada))
    limit(ticket.project, operator, max_agents=10, max_tickets=50)
    for other in Project.objects.exclude(pk=ticket.project_id):
        limit(other, operator, max_agents=10, max_tickets=50)
    vacuum()
    first = measure(CLAIM, asked(ada))
    guards = list(Project.objects.values_list("pk", flat=True))
    second = with_locks(ada, guards)
    sums = [sum(each.values()) for each in (plain, shared, first, second)]
    assert sums[1] <= 1.35 * sums[0], (plain, shared)
    assert sums[2] <= sums[0] / 2, first  # it takes nothing and counts nothing
    assert sums[3] <= 1.5 * sums[0], (plain, second)


def test_limits_of_one_project_cost_one_look_more(ticket, ada, operator):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])
    backlog(ticket, 1_000, 1)
    plain = measure(CLAIM, asked(ada))
    limit(ticket.project, operator, max_agents=10, max_tickets=50)
    first = measure(CLAIM, asked(ada))
    second = measure(CLAIM_GUARDED, asked(ada, locked=True, guards=[ticket.project_id]))

    assert sum(first.values()) <= 25, first
    assert sum(second.values()) <= sum(plain.values()) + 5, (plain, second)


@pytest.mark.parametrize("ready", [1_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_pools_cost_one_look_more_and_one_for_each_agent_that_shares_a_limited_one(
    ticket, ada, operator, ready
):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])
    backlog(ticket, ready, 1)
    plain = measure(CLAIM, asked(ada))
    pools = [Pool.objects.create_pool(name, by=operator) for name in ("one", "two")]
    Agent.objects.filter(pk=ada.pk).update(pools=["one", "two"])
    Agent.objects.filter(name__lt="crowd-107", name__startswith="crowd-10").update(pools=["one"])
    vacuum()
    first = measure(CLAIM, asked(ada))
    guarded = asked(ada, locked=True, guards=[ticket.project_id])
    second = measure(CLAIM_GUARDED, guarded)
    sharing = Agent.objects.filter(pools__contains=["one"]).count()
    Pool.objects.filter(pk=pools[0].pk).update(limit=100)
    limited = measure(CLAIM_GUARDED, guarded)

    assert sum(first.values()) <= 25, first
    assert sum(second.values()) <= sum(plain.values()) + 15, (plain, second)
    assert sum(limited.values()) <= sum(second.values()) + 10 + sharing, (second, limited)
    assert sum(first.values()) + sum(limited.values()) <= 1.5 * sum(plain.values()), (plain, first, limited)


@pytest.mark.parametrize("ready", [1_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_phases_that_may_be_full_cost_a_look_at_what_is_stored(ticket, ada, operator, ready):
    """However many tickets stand there, and however long: a sweep found that none waits for people."""
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])
    backlog(ticket, ready, 1)
    limit(ticket.project, operator, max_agents=10, max_tickets=50)
    guarded = asked(ada, locked=True, guards=[ticket.project_id])

    def pages():
        vacuum()
        return sum(measure(CLAIM_GUARDED, guarded).values())

    limits = pages()
    phases = [
        {"name": "DOING", "to": ["CHECK"], "automatic": "on_completion"},
        {"name": "CHECK", "to": ["DONE"], "wip": {"limit": 30, "holds": ["DOING"], "oldest_s": 60}},
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(ticket.project, Workflow.objects.install({"name": "w", "phases": phases}))
    Lane.objects.filter(capabilities=["skill-0"]).update(workflow=workflow, guarded=True)
    for number in range(10):
        row = Ticket.objects.open(ticket.project, TicketSpec(f"{number}", workflow=workflow), by=operator)
        Ticket.objects.move(row.pk, "CHECK", by=operator)
        Task.objects.add(row, [TaskSpec("check it", capabilities=["checking"])], by=operator)
        row.refresh_from_db()
        age(row, 86_400)
    watch_phases()
    assert pages() <= limits + 3

    Task.objects.filter(phase="CHECK").cancel(by=operator, reason="not needed")
    for row in Ticket.objects.filter(phase="CHECK"):
        age(row, 86_400)
    sql.rows("UPDATE tickets_task SET ended_at = ended_at - interval '1 day' WHERE phase = 'CHECK'")
    assert watch_phases() == 1
    assert Task.objects.claim(by=ada) == []
