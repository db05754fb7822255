"""What one run of the sweeps costs: what it looks at, and not the backlog."""

from __future__ import annotations

from functools import partial

import pytest

from agents.models import Agent, AgentSpec
from tests.factories import complete
from tests.support.costs import costs
from tests.support.many_tickets import many_tickets
from tests.support.vacuum import vacuum
from tests.support.waits import store_waits
from tests.support.wip_scene import opened, phase_of, reviewing
from tickets.models import Lane, LaneWait, Task, TaskSpec, TaskWait, Ticket, TicketWait, WaitSweep
from tickets.runtime.wait_sweep import Follow, Recheck

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


def buffers(run):
    with costs() as seen:
        run()
    return sum(each.buffers for each in seen)


def test_a_run_costs_what_it_looks_at_and_not_the_backlog(project, ticket, ada, operator):
    """With ten times the backlog; buffers of an idle run, of one after a claim of 50, of one in which the
    time of everything has come, and of the walk.
    """
    Agent.objects.filter(pk=ada.pk).update(capacity=1_000)
    for number in range(20):
        Agent.objects.register(AgentSpec(f"one-{number}"), projects=[project], by=operator)
    found = []
    for tickets in (2_000, 18_000):
        many_tickets(project, tickets, tasks=1)
        store_waits()
        vacuum()
        follow = Follow()
        runs = {"idle": buffers(follow), "walk": buffers(Recheck())}
        assert len(Task.objects.claim(by=ada, limit=50)) == 50
        runs["claims"] = buffers(follow)
        TaskWait.objects.update(until="2020-01-01T00:00Z")
        vacuum()
        runs["all due"] = buffers(WaitSweep.objects.follow)
        found.append(runs)
    few, many = found
    for name, cost in many.items():
        assert cost <= 1.2 * few[name] + 50, (name, few, many)
    assert many["idle"] <= 300


def test_a_full_phase_is_looked_at_once_for_all_who_wait_for_it(project, ada, operator):
    """However many tickets wait for its room, and however many lanes it holds back: for each of them, the
    tickets that stand in it were read again, and a run of 500 took a minute.
    """
    Agent.objects.filter(pk=ada.pk).update(capacity=100)
    workflow = reviewing(project, limit=30, holds=["MAKE"])
    tickets = opened(project, workflow, 60, by=operator)
    for claim in Task.objects.claim(by=ada, limit=60):
        complete(claim, by=ada)
    while Ticket.objects.advance_due():
        pass
    waiting = [each.pk for each in tickets if phase_of(each) == "MAKE"]
    assert len(waiting) == 30
    for number in range(30):
        opened(project, workflow, 1, by=operator, capabilities=[f"skill-{number}"])
    tasks = list(Task.objects.filter(state="pending").values_list("pk", flat=True))
    lanes = list(Lane.objects.exclude(capabilities=[]).values_list("pk", flat=True))
    assert set(Ticket.objects.waits(waiting).values()) == {"operator"}
    vacuum()
    for model, ids in ((TicketWait, waiting), (LaneWait, lanes), (TaskWait, tasks)):
        few, many = (buffers(partial(model.objects.store, ids[:most])) for most in (5, 30))
        assert (many - few) / 25 <= 100, (model, few, many)


def test_lanes_without_work_cost_one_search_each(project, ticket, ada, operator):
    """However much work others have: such lanes stay for ever."""
    ended = [TaskSpec(f"{n}", capabilities=[f"skill-{n}"]) for n in range(40)]
    Task.objects.filter(pk__in=[task.pk for task in Task.objects.add(ticket, ended, by=operator)]).cancel(
        by=operator, reason="not wanted"
    )
    found = []
    for tickets in (500, 4_500):
        many_tickets(project, tickets, tasks=1)
        store_waits()
        vacuum()
        found.append(buffers(partial(WaitSweep.objects.look_at_lanes, 0, 1_000_000)))
    few, many = found
    assert many <= few + 60, found
