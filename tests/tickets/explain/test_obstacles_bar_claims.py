"""Over random states: a claim gets a task exactly when no obstacle bars it."""

from __future__ import annotations

from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.models import Project
from omoi_site.database import sql
from tests.support.kept_plans import kept_plans
from tests.tickets.explain.random_world import ACTS, QUIET, TASKS, World
from tickets.models import (
    Need,
    Task,
    TaskSpec,
    Ticket,
)
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query
from tickets.models.explain import ticket_explanation
from tickets.models.explain.sql_fragments import FROM_TASK, fleets_of
from tickets.models.explain.task_explanation import ASKED
from tickets.models.explain.task_obstacles import OBSTACLES

pytestmark = pytest.mark.django_db
# A task that only bob can do, and one of another ticket that only ada can.
BOBS = (0, TaskSpec("Do it", phase="DOING"))
URGENT = (0, TaskSpec("Do it", phase="TODO", priority=0))
ADAS = (1, TaskSpec("Do it", capabilities=["rust"], phase="TODO"))


@settings(max_examples=6, deadline=None, suppress_health_check=QUIET)
@example(tasks=[BOBS, ADAS], acts=[("quiet", "ada"), ("claim", "bob", 1), ("limit", "max_agents", 1)])
@example(tasks=[BOBS, ADAS], acts=[("quiet", "ada"), ("claim", "bob", 1), ("limit", "max_tickets", 1)])
@example(
    tasks=[BOBS, ADAS, (0, ADAS[1])],
    acts=[("quiet", "ada"), ("claim", "bob", 1), ("limit", "max_tickets", 1)],
)
@example(
    tasks=[ADAS],
    acts=[("turn",), ("claim", "ada", 1), ("meet_limit", "ada"), ("quiet", "ada"), ("quiet", "eve")],
)
@example(tasks=[BOBS, ADAS], acts=[("tighten", 1), ("advance", 0)])
@example(tasks=[ADAS, BOBS], acts=[("tighten", 1), ("advance", 0), ("claim", "ada", 1), ("turn",)])
@example(
    tasks=[BOBS, (1, URGENT[1])],
    acts=[("tighten", 0), ("tighten", 1), ("advance", 0), ("wait",), ("quiet", "eve")],
)
@example(
    tasks=[URGENT, (1, URGENT[1])],
    acts=[("wait",), ("claim", "ada", 1), ("limit", "max_tickets", 1), ("quiet", "eve")],
)
@example(tasks=[ADAS], acts=[("claim", "ada", 1), ("quiet", "ada")])
@example(tasks=[URGENT], acts=[("wait",), ("claim", "ada", 1), ("release", "ada"), ("wait",), ("freeze",)])
@given(tasks=TASKS, acts=st.lists(ACTS, min_size=10, max_size=25))
def test_a_task_can_be_claimed_exactly_when_nothing_bars_it(operator, tasks, acts):
    in_a_random_state(operator, tasks, acts)


@pytest.mark.parametrize(
    "examples", [pytest.param(15, marks=pytest.mark.full), pytest.param(60, marks=pytest.mark.campaign)]
)
def test_a_task_can_be_claimed_exactly_when_nothing_bars_it_at_length(operator, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)
    @given(tasks=TASKS, acts=st.lists(ACTS, min_size=10, max_size=40))
    def exactly(tasks, acts):
        in_a_random_state(operator, tasks, acts)

    exactly()


def check(world):
    ids = [task.pk for task in world.tasks]
    told = Task.objects.explanations(ids)
    bars = {place for place, each in enumerate(OBSTACLES) if each.bars}
    barred = barred_tasks(ids, bars)
    granted = set().union(*(world.granted_to(agent) for agent in world.agents.values()))
    # a lapse that ends a task for good decides for its children in the same call: what comes of that is not
    # of this state
    ending = Task.objects.filter(state="claimed", lease_expires_at__lt=timezone.now(), attempts__gte=1)
    moot = set(Need.objects.filter(parent__in=ending).values_list("child_id", flat=True))
    for task in Task.objects.filter(pk__in=ids):
        causes = told[task.pk]["causes"]
        if task.state in ("pending", "claimed"):
            assert causes, f"{task.state} {task.key} has no cause"
            assert told[task.pk]["waiting_on"], causes
        if task.pk in moot:
            continue
        if task.state == "pending":
            assert (task.pk in granted) == (task.pk not in barred), (task.__dict__, causes)
        elif task.pk in granted:
            assert task.pk not in barred, (task.__dict__, causes)
    assert Task.objects.waits(ids) == {pk: told[pk]["waiting_on"] for pk in ids}
    tickets = Ticket.objects.filter(pk__in=[ticket.pk for ticket in world.tickets])
    explanations = {ticket: Ticket.objects.explanation(ticket) for ticket in tickets}
    for ticket, explained in explanations.items():
        assert Ticket.objects.waits([ticket.pk]) == {ticket.pk: explained["waiting_on"]}
        waits = not ticket.closed or (
            ticket.done and ticket.tasks.open().exists()
        )  # work left open in a ticket that is done
        assert bool(explained["causes"]) == bool(explained["waiting_on"]) == waits, (
            ticket.__dict__,
            explained,
        )
    check_attention(world, told, explanations)


def check_attention(world, causes, explanations):
    """Whatever is on the attention list waits for somebody, says explain. `causes`: of each task."""
    items, more = attention_list.page(Query(), by="system:test", limit=200)
    assert not more
    tickets = {ticket.key: ticket for ticket in explanations}
    told = {
        ticket.key: {cause["who"] for cause in explained["causes"]}
        for ticket, explained in explanations.items()
    }
    assert all("operator" in told[item.ticket] for item in items), (items, told)
    listed = {item.ticket for item in items}
    assert attention_list.tickets_of(world.project.key).ids == {tickets[key].pk for key in listed}
    live = {ticket.pk for ticket in tickets.values() if not (ticket.paused or ticket.archived_at)}
    paused = Project.objects.get(pk=world.project.pk).paused
    failed = Task.objects.filter(pk__in=[task.pk for task in world.tasks], state="failed", ticket__in=live)
    open_now = {
        ticket.pk: ticket.plan.open_in(ticket.phase) for ticket in tickets.values() if not ticket.closed
    }
    for kind, code in (
        ("nobody_able", "capability"),
        ("agents_silent", "agent_silent"),
        ("critical", "capacity"),
    ):
        waiting = [
            pk
            for pk, each in causes.items()
            if each["causes"] and (each["causes"][0]["code"], each["waiting_on"]) == (code, "operator")
        ]
        lanes = set(Task.objects.filter(pk__in=waiting).values_list("lane_id", flat=True))
        shown = [item for item in items if item.kind.name == kind]
        assert {item.id for item in shown} == lanes, (kind, shown, causes)
        assert {item.task for item in shown} <= set(waiting), (kind, shown, causes)
    assert {item.task for item in items if item.kind.name == "task_failed"} == {
        task.pk for task in failed if not paused and task.phase in open_now.get(task.ticket_id, ())
    }


def barred_tasks(ids, bars):
    anything = " OR ".join(f"({each.when}) IS TRUE" for place, each in enumerate(OBSTACLES) if place in bars)
    return {
        row["id"]
        for row in sql.rows(
            f"WITH {fleets_of(ASKED)} SELECT t.id {FROM_TASK} WHERE {ASKED} AND ({anything})", {"ids": ids}
        )
    }


def in_a_random_state(operator, tasks, acts):
    with kept_plans(), transaction.atomic(), mock.patch.object(ticket_explanation, "MOST", 2):
        world = World(operator)
        world.add(tasks)
        for number, act in enumerate(acts):
            world.act(*act)
            if number % 5 == 4:
                check(world)
        check(world)
        transaction.set_rollback(True)
