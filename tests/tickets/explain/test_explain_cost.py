"""What explanations cost: buffers by the number of tasks, agents and lanes, counted."""

from __future__ import annotations

from collections import defaultdict

import pytest

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from bench.claim import measure
from tests.support.waits import store_waits
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.explain import task_explanation, ticket_explanation

pytestmark = pytest.mark.django_db(transaction=True)

A_TASK = 24  # buffers of one task at most: its row, ticket, lane, project, phases and needs


@pytest.fixture
def fleet(project, operator):
    """Add so many agents to the project."""

    def add(count):
        for number in range(count):
            Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)

    return add


def buffers(statement, **parameters):
    return sum(measure(statement, parameters).values())


def test_the_fleet_is_read_once_for_all_tasks_of_a_lane(ticket, fleet, operator):
    fleet(40)
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(60)], by=operator)
    ids = [task.pk for task in tasks]

    for statement in (task_explanation.waits_statement(), task_explanation.explanations_statement()):
        few, many = (buffers(statement, ids=ids[:count]) for count in (5, 60))
        assert many - few <= 55 * A_TASK, (few, many)


def test_only_lanes_with_pending_tasks_are_looked_up(project, ticket, fleet, operator):
    """A project keeps the lanes of all kinds of work that it ever had."""
    fleet(40)
    [task] = Task.objects.add(ticket, [TaskSpec("open")], by=operator)
    one = buffers(task_explanation.waits_statement(), ids=[task.pk])
    specs = [TaskSpec("ended", capabilities=[f"skill-{number}"]) for number in range(20)]
    ended = Task.objects.add(ticket, specs, by=operator)
    Task.objects.filter(pk__in=[each.pk for each in ended]).cancel(by=operator, reason="not wanted")

    assert buffers(task_explanation.waits_statement(), ids=[task.pk]) <= one + 4


def test_agents_are_read_once_for_all_lanes(ticket, fleet, operator):
    fleet(40)
    ids = {}
    for lanes in (1, 20):
        specs = [TaskSpec(f"{n}", capabilities=[f"{lanes}-{n % lanes}"]) for n in range(20)]
        ids[lanes] = [task.pk for task in Task.objects.add(ticket, specs, by=operator)]

    one, twenty = (buffers(task_explanation.waits_statement(), ids=ids[lanes]) for lanes in (1, 20))
    assert twenty - one <= 19 * 3, (one, twenty)  # the rows of the lanes


def test_a_list_by_who_must_act_leads_on(ticket, fleet, operator, django_assert_num_queries):
    fleet(1)
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(8)], by=operator)
    first, second, *_ = tasks
    store_waits()

    with django_assert_num_queries(2):
        assert Task.objects.waiting_on("agents", limit=2) == ([first.pk, second.pk], second.pk)
    rest, after = Task.objects.waiting_on("agents", limit=9, after=second.pk)
    assert (len(rest), after) == (6, None)


@pytest.mark.full
def test_explanations_grow_with_what_is_asked(without_statistics, operator, fleet, ticket):
    """What one more task costs stays the same, whatever else there is."""
    fleet(100)
    project = Project.objects.create_project(ProjectSpec("BIG", workflow="simple"), by=operator)
    per_task = defaultdict(list)
    for count in (250, 500, 1000, 2000):
        specs = [TaskSpec(f"{n}", capabilities=[f"skill-{n % 7}"]) for n in range(count)]
        ids = [task.pk for task in Task.objects.add(ticket, specs, by=operator)]
        large = Ticket.objects.open(project, TicketSpec("large", tasks=specs), by=operator)
        for _ in range(count // 10):
            Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
        for name, tasks, cost in (
            ("waits", count, buffers(task_explanation.waits_statement(), ids=ids)),
            ("explanations", count, buffers(task_explanation.explanations_statement(), ids=ids)),
            ("ticket", count, buffers(ticket_explanation.EXPLANATION, ticket=large.pk, most=20)),
        ):
            per_task[name].append(round(cost / tasks, 2))
    print(dict(per_task))
    for name, costs in per_task.items():
        assert costs[-1] <= 1.15 * costs[0], (name, costs)
