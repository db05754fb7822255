"""What the sweep of timeouts costs does not grow with the syncs that wait, whether their time has begun or
not; and no way to make a sync wait for a task escapes it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from omoi_site.database import sql
from tests.factories import complete
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tickets.models import Edge, Need, Operation, OperationSpec, Task, TaskSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)

SYNC = OperationSpec("sync", timeout_s=3600)


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def sync(ticket, operator, *parents, spec=SYNC):
    needs = [NeedSpec(parent.pk) for parent in parents]
    [made] = Task.objects.add(ticket, [TaskSpec("all", needs=needs, coordination=spec)], by=operator)
    return made


def since(task):
    return Operation.objects.get(pk=task.pk).since


def marked():
    return set(Task.objects.filter(starts_timeout=True).values_list("pk", flat=True))


@pytest.mark.full
@pytest.mark.parametrize("begun", [False, True], ids=["not begun", "begun"])
def test_the_sweep_costs_the_same_for_10_and_for_2000_syncs_that_wait(ticket, operator, begun):
    planned = TaskSpec("planned", not_before=None if begun else in_an_hour())
    counts = []
    for number in (10, 1_990):
        parents = Task.objects.add(ticket, [planned] * number, by=operator)
        specs = [TaskSpec("all", needs=[NeedSpec(parent.pk)], coordination=SYNC) for parent in parents]
        Task.objects.add(ticket, specs, by=operator)
        Task.objects.time_out_syncs()
        vacuum()
        with costs() as found:
            assert Task.objects.time_out_syncs() == 0
        counts.append(sum(cost.buffers for cost in found))
    assert Operation.objects.filter(waits=True, since__isnull=not begun).count() == 2_000
    few, many = counts
    assert many <= few + 4, counts  # a tree of 2,000 is higher
    assert not [cost.label for cost in found if cost.scanned]


@pytest.mark.full
def test_the_time_of_one_sync_begins_at_the_cost_of_one_among_2000(ticket, operator):
    planned = TaskSpec("planned", not_before=in_an_hour())
    parents = Task.objects.add(ticket, [planned] * 2_000, by=operator)
    specs = [TaskSpec("all", needs=[NeedSpec(parent.pk)], coordination=SYNC) for parent in parents]
    *_, made = Task.objects.add(ticket, specs, by=operator)
    sql.rows("UPDATE tickets_task SET not_before = now() WHERE id = %s", [parents[-1].pk])
    Task.objects.wake()
    vacuum()

    with costs() as found:
        Task.objects.time_out_syncs()

    assert since(made) is not None
    assert not [cost.label for cost in found if cost.scanned]
    assert sum(cost.buffers for cost in found) < 100  # most of it are the indexes of its task


def test_the_time_begins_once_with_the_first_task_and_the_mark_is_taken_off(ticket, ada, operator):
    first, second = Task.objects.add(
        ticket, [TaskSpec("first"), TaskSpec("second", not_before=in_an_hour())], by=operator
    )
    made = sync(ticket, operator, first, second)
    assert marked() == {first.pk, second.pk}

    Task.objects.time_out_syncs()

    begun = since(made)
    assert begun == Task.objects.get(pk=first.pk).ready_at
    assert marked() == {second.pk}
    sql.rows("UPDATE tickets_task SET not_before = now() WHERE id = %s", [second.pk])
    Task.objects.wake()
    Task.objects.time_out_syncs()
    assert (since(made), marked()) == (begun, set())


def test_a_need_that_a_sync_gets_later_begins_its_time_too(ticket, operator):
    planned, task = Task.objects.add(
        ticket, [TaskSpec("planned", not_before=in_an_hour()), TaskSpec("now")], by=operator
    )
    made = sync(ticket, operator, planned)
    Task.objects.time_out_syncs()
    assert since(made) is None

    Need.objects.add(ticket.project_id, [Edge(task.pk, made.pk)], by=operator)

    Task.objects.time_out_syncs()
    assert since(made) is not None


def test_a_sync_behind_a_sync_begins_with_the_end_of_the_first(ticket, task, ada, operator):
    first = sync(ticket, operator, task)
    second = sync(ticket, operator, first)
    Task.objects.time_out_syncs()
    assert (since(first) is None, since(second)) == (False, None)

    complete(Task.objects.claim(by=ada)[0], by=ada)

    assert Task.objects.get(pk=second.pk).state == "completed"
    Task.objects.time_out_syncs()
    assert marked() == set()


def test_a_sync_without_a_timeout_marks_nothing(ticket, task, operator):
    sync(ticket, operator, task, spec=OperationSpec("sync"))

    assert marked() == set()


def test_more_tasks_than_one_batch_begin_in_one_sweep(ticket, operator, monkeypatch):
    monkeypatch.setattr("tickets.models.coordination.timeouts.BATCH", 2)
    parents = Task.objects.add(ticket, [TaskSpec(str(number)) for number in range(5)], by=operator)
    made = [sync(ticket, operator, parent) for parent in parents]

    Task.objects.time_out_syncs()

    assert None not in map(since, made)
    assert marked() == set()


def test_a_cancelled_sync_is_forgotten_when_its_time_is_over(ticket, task, operator):
    made = sync(ticket, operator, task)
    Task.objects.time_out_syncs()
    Task.objects.act(made.pk, "cancel", by=operator, reason="not wanted")
    sql.rows("UPDATE tickets_operation SET since = since - interval '1 d'")

    assert Task.objects.time_out_syncs() == 0

    assert not Operation.objects.get(pk=made.pk).waits
    Task.objects.act(made.pk, "retry", by=operator, reason="after all")
    assert Operation.objects.get(pk=made.pk).waits


def test_the_mark_of_a_task_that_no_sync_waits_for_any_more_is_taken_off(ticket, task, operator):
    [other] = Task.objects.add(ticket, [TaskSpec("other", not_before=in_an_hour())], by=operator)
    made = sync(ticket, operator, task, other)
    Need.objects.remove(Need.objects.get(parent=task, child=made), by=operator)
    assert marked() == {task.pk, other.pk}

    Task.objects.time_out_syncs()

    assert (since(made), marked()) == (None, {other.pk})
