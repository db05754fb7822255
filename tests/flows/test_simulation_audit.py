"""The audit of a simulation finds every fault, and none if there is none."""

from __future__ import annotations

import pytest

from agents.models import Event
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tickets.models import Edge, Need, Task, TaskSpec
from tickets.models.task.task_spec import NeedSpec
from tickets.simulation.audit import audit, take_snapshot
from tickets.simulation.list_schedule import list_schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(ticket, operator):
    """Two tasks; the second needs the first."""
    first, second = Task.objects.add(ticket, [TaskSpec("first"), TaskSpec("second")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(first.pk, second.pk)], by=operator)
    return first, second


def work(agent):
    """Claim and complete everything; returns what was confirmed."""
    confirmed = set()
    while claims := Task.objects.claim(by=agent):
        complete(claims[0], by=agent)
        confirmed.add((claims[0].task, claims[0].fence))
    return confirmed


def test_work_done_once_and_in_order_is_faultless(project, pair, ada):
    before = take_snapshot(project)
    confirmed = work(ada)

    result = audit(project, before, confirmed)

    assert (result.tasks, result.done) == (2, 2)
    assert result.faultless
    assert result.faults == []
    assert result.makespan_s is not None


def test_lapses_releases_and_further_attempts_are_no_faults(project, pair, ada, bob):
    before = take_snapshot(project)
    [claim] = Task.objects.claim(by=ada)
    lapse(claim)
    [claim] = Task.objects.claim(by=bob)
    fail(claim, by=bob)
    Task.objects.filter(pk=claim.task).update(not_before="2020-01-01T00:00Z")
    [claim] = Task.objects.claim(by=ada)
    Task.objects.release(claim.task, claim.fence, by=ada)

    result = audit(project, before, work(ada))

    assert result.faultless, result.faults
    assert result.done == 2


def test_a_task_completed_twice_is_seen(project, pair, ada):
    before = take_snapshot(project)
    work(ada)
    planted(project, pair[0], "task.completed", fence=2)

    result = audit(project, before)

    assert result.done_twice == 1
    assert f"task {pair[0].pk} was completed 2 times" in result.faults


def test_a_task_granted_before_its_need_had_ended_is_seen(project, ticket, ada, operator):
    late, early = Task.objects.add(
        ticket, [TaskSpec("late", priority=3), TaskSpec("early", priority=0)], by=operator
    )
    Need.objects.bulk_create(
        [Need(parent=late, child=early)]
    )  # past the verb, so that the child is not told that it waits
    before = take_snapshot(project)
    work(ada)

    result = audit(project, before)

    assert result.order_violations == 1
    assert f"task {early.pk} was granted before what it needs had ended: {late.pk}" in result.faults


def test_a_task_granted_while_it_is_held_is_seen(project, pair, ada):
    before = take_snapshot(project)
    work(ada)
    planted(project, pair[1], "task.claimed", fence=7)
    planted(project, pair[1], "task.claimed", fence=8)

    assert audit(project, before).held_twice == 1


def test_a_confirmed_completion_that_the_journal_does_not_know_is_lost(project, pair, ada):
    before = take_snapshot(project)
    confirmed = work(ada)

    result = audit(project, before, confirmed | {(pair[0].pk, 99)})

    assert result.lost == 1
    assert not result.faultless


def test_a_completion_without_its_event_is_not_done(project, pair, ada):
    work(ada)
    before = take_snapshot(project)  # after the work: its events are out of sight
    before.states.update(dict.fromkeys(before.states, "pending"))

    assert audit(project, before).done == 0


def test_any_one_need_is_enough_where_the_task_says_so(project, ticket, ada, operator):
    first, other = Task.objects.add(
        ticket, [TaskSpec("first", priority=0), TaskSpec("other", priority=3)], by=operator
    )
    [child] = Task.objects.add(
        ticket,
        [TaskSpec("child", needs=[NeedSpec(first.pk), NeedSpec(other.pk)], join=1, priority=0)],
        by=operator,
    )
    before = take_snapshot(project)
    for _ in range(2):
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
    assert claim.task == child.pk

    assert audit(project, before).faultless


@pytest.mark.parametrize(
    ("tasks", "needs", "agents", "rounds"),
    [
        (range(9), [], 4, 3),
        (range(3), [(0, 1), (1, 2)], 8, 3),
        (range(4), [(0, 1), (1, 2)], 2, 3),  # the chain goes first, the fourth beside it
        (range(2), [(7, 0)], 1, 2),  # a need outside has ended
        (range(3), [(0, 1), (1, 0)], 1, 1),  # a cycle never starts
        ([], [], 8, 0),
    ],
)
def test_the_bound_is_what_a_crew_without_overhead_needs(tasks, needs, agents, rounds):
    assert list_schedule(dict.fromkeys(tasks, 1.0), needs, agents) == rounds


def planted(project, task, kind, *, fence):
    number = sql.rows(
        "UPDATE tickets_task SET events = events + 1 WHERE id = %s RETURNING events", [task.pk]
    )[0]["events"]
    Event.objects.create(
        project_id=project.pk, topic=f"ticket:{task.ticket_key}", subject=f"task:{task.pk}",
        number=number, kind=kind, actor="agent:ada",
        data={"fence": fence},
    )  # fmt: skip


def test_the_bound_knows_how_long_each_task_takes():
    assert list_schedule({1: 5.0, 2: 1.0, 3: 1.0, 4: 3.0}, [(2, 4)], 2) == 5.0
    assert list_schedule({1: 4.0, 2: 4.0, 3: 4.0}, [], 2) == 8.0
