"""Operations while several act at the same moment: each is completed once, by whoever meets its last need."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from agents.models import Event
from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tests.support.concurrency import Act, meanwhile, race
from tickets.models import (
    Operation,
    OperationSpec,
    Outcome,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)


def events_of(task):
    kinds = Event.objects.filter(subject=f"task:{task.pk}", kind__startswith="coordination")
    return list(kinds.values_list("kind", flat=True))


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def gather(ticket, operator, titles, **more):
    tasks = Task.objects.add(ticket, [TaskSpec(title) for title in titles], by=operator)
    timeout = more.pop("timeout_s", None)
    spec = TaskSpec(
        "all",
        needs=[NeedSpec(task.pk) for task in tasks],
        coordination=OperationSpec("sync", timeout_s=timeout),
        **more,
    )
    [sync] = Task.objects.add(ticket, [spec], by=operator)
    return tasks, sync


def test_tasks_that_end_at_once_complete_a_sync_once(ticket, ada, operator):
    type(ada).objects.filter(pk=ada.pk).update(capacity=100)
    for turn in range(5):
        _, sync = gather(ticket, operator, [f"{turn} {place}" for place in range(4)])
        held = Task.objects.claim(by=ada, limit=4)

        def settle(claim):
            return lambda _: Task.objects.settle(
                [Outcome(claim.task, claim.fence, "completed", result={})], by=ada
            )

        race(1, *[settle(claim) for claim in held])
        done = Task.objects.get(pk=sync.pk)
        assert (done.state, len(done.result["completed"]), done.result["missing"]) == ("completed", 4, [])
        assert events_of(done) == ["coordination.sync.ready"]


def test_a_sync_that_completes_while_its_time_ends_does_one_of_both(ticket, ada, operator):
    [task], sync = gather(ticket, operator, ["a"], timeout_s=1)
    [claim] = Task.objects.claim(by=ada)
    Task.objects.time_out_syncs()
    sql.rows("UPDATE tickets_operation SET since = since - interval '1 hour'")
    with meanwhile(Task.objects.time_out_syncs) as other:
        complete(claim, by=ada)
    assert other.answer() == 0
    assert (Task.objects.get(pk=sync.pk).state, events_of(sync)) == ("completed", ["coordination.sync.ready"])
    assert task.pk == claim.task


def test_a_task_that_ends_while_the_time_of_its_sync_ends_changes_nothing_more(ticket, ada, operator):
    _, sync = gather(ticket, operator, ["a"], timeout_s=1)
    [claim] = Task.objects.claim(by=ada)
    Task.objects.time_out_syncs()
    sql.rows("UPDATE tickets_operation SET since = since - interval '1 hour'")
    with meanwhile(lambda: complete(claim, by=ada)) as other:
        assert Task.objects.time_out_syncs() == 1
    assert other.answer().state == "completed"
    assert (Task.objects.get(pk=sync.pk).state, events_of(sync)) == (
        "failed",
        ["coordination.sync.timed_out"],
    )
    Task.objects.act(sync.pk, "retry", by=operator, reason="it came after all")
    assert Task.objects.get(pk=sync.pk).state == "completed"


def locked(table, column, row):
    sql.rows(f"SELECT FROM {table} WHERE {column} = %s FOR NO KEY UPDATE", [row.pk])


def test_a_task_can_end_while_the_sweep_waits_for_another_sync(ticket, ada, operator):
    """Otherwise each of the two could wait for the other."""
    _, begins = gather(ticket, operator, ["a"], timeout_s=60)
    [claim] = Task.objects.claim(by=ada)
    _, overdue = gather(ticket, operator, ["b"], timeout_s=1)
    sql.rows(
        "UPDATE tickets_operation SET since = clock_timestamp() - interval '1 hour' WHERE task_id = %s",
        [overdue.pk],
    )
    sweep = Act(Task.objects.time_out_syncs)
    with transaction.atomic():
        locked("tickets_task", "id", overdue)
        sweep.start()
        assert sweep.waits()
        sql.rows("SET LOCAL lock_timeout = '300ms'")
        complete(claim, by=ada)
    assert sweep.answer() == 1
    assert Task.objects.get(pk=begins.pk).state == "completed"


def test_the_sweep_does_not_wait_for_a_sync_that_somebody_changes(ticket, ada, operator):
    _, first = gather(ticket, operator, ["a"], timeout_s=60)
    _, second = gather(ticket, operator, ["b"], timeout_s=60)
    with meanwhile(Task.objects.time_out_syncs, waits=False):
        locked("tickets_operation", "task_id", first)
    begun = Operation.objects.exclude(since=None)
    assert begun.get().pk == second.pk
    Task.objects.time_out_syncs()
    assert begun.count() == 2


def test_the_time_of_a_sync_begins_when_its_ticket_comes_to_the_phase(project, operator):
    phases = [
        {"name": "PLAN", "to": ["BUILD"]},
        {"name": "BUILD", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "three", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow="three"), by=operator)
    [task] = Task.objects.add(ticket, [TaskSpec("build", phase="BUILD")], by=operator)
    spec = TaskSpec(
        "all",
        phase="BUILD",
        needs=[NeedSpec(task.pk)],
        coordination=OperationSpec("sync", timeout_s=60),
    )
    [sync] = Task.objects.add(ticket, [spec], by=operator)
    Task.objects.time_out_syncs()
    assert Operation.objects.get(pk=sync.pk).since is None
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.advance(by=operator)
    Task.objects.time_out_syncs()
    assert Operation.objects.get(pk=sync.pk).since == Ticket.objects.get(pk=ticket.pk).phase_since


def crossed_with(act, first, then):
    """While we hold the row of task `first`, start `act`, which needs it too; then do `then` without waiting
    for anything that `act` may hold.
    """
    acting = Act(act)
    with transaction.atomic():
        sql.rows("SELECT FROM tickets_task WHERE id = %s FOR NO KEY UPDATE", [first.pk])
        acting.start()
        assert acting.waits(), acting.error or acting.value
        sql.rows("SET LOCAL lock_timeout = '200ms'")
        then()
    return acting.answer()


@pytest.mark.parametrize("act", ["settle", "time_out"])
def test_all_that_an_end_reaches_is_locked_in_the_order_of_ids(ticket, ada, operator, act):
    """What goes on from a sync may have the lower id, if the sync was put before planned work."""
    [planned] = Task.objects.add(ticket, [TaskSpec("planned", not_before=in_an_hour())], by=operator)
    [task] = Task.objects.add(ticket, [TaskSpec("a")], by=operator)
    spec = TaskSpec(
        "all",
        needs=[NeedSpec(task.pk)],
        needed_by=[planned.pk],
        coordination=OperationSpec("sync", timeout_s=1, on_timeout="continue"),
    )
    [sync] = Task.objects.add(ticket, [spec], by=operator)
    [claim] = Task.objects.claim(by=ada)
    Task.objects.time_out_syncs()
    sql.rows("UPDATE tickets_operation SET since = since - interval '1 hour'")
    assert planned.pk < task.pk < sync.pk

    crossed_with(
        Task.objects.time_out_syncs if act == "time_out" else lambda: complete(claim, by=ada),
        planned,
        lambda: sql.rows("SELECT FROM tickets_task WHERE id = %s FOR NO KEY UPDATE", [sync.pk]),
    )

    assert Task.objects.get(pk=sync.pk).state == "completed"
    assert Task.objects.get(pk=planned.pk).open_needs == 0
