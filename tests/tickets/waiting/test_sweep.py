"""The sweeps that store who everything waits on: what they miss, they find; two of them take turns."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Agent, Event, Member, Project
from omoi_site.database import sql
from tests.factories import complete
from tests.support.concurrency import Act
from tests.support.waits import assert_stored_as_explained, follow, store_waits
from tests.support.wip_scene import opened, phase_of, reviewing
from tests.tickets.explain.random_world import silent
from tickets.models import (
    Edge,
    Need,
    SweepRun,
    Task,
    TaskSpec,
    TaskWait,
    Ticket,
    TicketSpec,
    TicketWait,
    WaitSweep,
)
from tickets.models.explain.found_waits import TASKS, TICKETS
from tickets.models.waiting import wait_sweep, waits
from tickets.runtime import wait_sweep as sweeps
from tickets.runtime.wait_sweep import Follow, Recheck

pytestmark = pytest.mark.django_db(transaction=True)


def who(task):
    return TASKS.stored([task.pk])[task.pk].who


def forget_news():
    """The journal is not followed: what has happened so far is never told."""
    WaitSweep.objects.update(cursor=Event.objects.current_cursor())


def repaired():
    return WaitSweep.objects.get().repaired


def test_the_walk_finds_what_was_never_told(project, task, ada, operator):
    store_waits()
    [claim] = Task.objects.claim(by=ada)
    TicketWait.objects.all().delete()
    forget_news()
    assert who(task) == "agents"

    Recheck()()

    assert (who(task), repaired()) == ("agent:ada", 1)
    assert_stored_as_explained(project)
    complete(claim, by=ada)
    forget_news()
    Recheck()()
    assert not TaskWait.objects.exists()
    assert repaired() == 2
    assert_stored_as_explained(project)


def test_what_is_still_to_be_followed_is_no_repair(project, task, ticket, ada, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("then")], by=operator)
    Need.objects.add(project.pk, [Edge(task.pk, child.pk)], by=operator)
    store_waits()
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    Recheck()()

    assert (who(child), repaired()) == ("agents", 0)


LAST = 10**9


def test_a_lease_that_has_ended_and_is_not_lapsed_yet_makes_nothing_wrong(
    project, ticket, task, ada, operator
):
    """The walks over tasks and over tickets come by at different times."""
    Project.objects.act(project.pk, "edit", by=operator, max_tickets=1)
    [second] = Task.objects.add(ticket, [TaskSpec("second")], by=operator)
    Task.objects.claim(by=ada, limit=1)
    store_waits()
    before = TICKETS.stored([ticket.pk])[ticket.pk].who, TaskWait.objects.get(pk=second.pk).variant
    Task.objects.filter(pk=task.pk).update(lease_expires_at="2020-01-01T00:00Z")
    TaskWait.objects.filter(pk=task.pk).update(until="2020-01-01T00:00Z")

    WaitSweep.objects.recheck_tickets(0, LAST)
    WaitSweep.objects.recheck_tasks(task.pk, LAST)

    after = TICKETS.stored([ticket.pk])[ticket.pk].who, TaskWait.objects.get(pk=second.pk).variant
    assert (before, after, repaired()) == (("agent:ada", 1), ("operator", 0), 0)  # no clock runs


def test_what_a_ticket_needs_of_another_is_still_to_be_followed(project, task, ticket, ada, operator):
    [second] = Task.objects.add(ticket, [TaskSpec("second")], by=operator)
    later = Ticket.objects.open(project, TicketSpec("later"), by=operator)
    [child] = Task.objects.add(later, [TaskSpec("then")], by=operator)
    Need.objects.add(project.pk, [Edge(task.pk, child.pk), Edge(second.pk, child.pk)], by=operator)
    store_waits()
    complete(Task.objects.claim(by=ada, limit=1)[0], by=ada)

    WaitSweep.objects.recheck_tickets(0, LAST)

    assert (TICKETS.stored([later.pk])[later.pk].who, repaired()) == (f"task:{second.key}", 0)


def test_a_closed_account_of_which_nothing_is_told_makes_no_ticket_wrong(
    project, task, ticket, django_user_model
):
    lee = django_user_model.objects.create_superuser("lee")
    Task.objects.assign(task.pk, by=lee, reason="by hand")
    store_waits()
    django_user_model.objects.filter(pk=lee.pk).update(is_active=False)

    WaitSweep.objects.recheck_tickets(0, LAST)

    assert (TICKETS.stored([ticket.pk])[ticket.pk].who, repaired()) == ("operator", 0)


@pytest.mark.parametrize(
    "cursor", ["99999999.99999999.", "of another version"], ids=["of another database", "unreadable"]
)
def test_a_gap_in_the_journal_is_walked_over_at_once(project, task, ada, cursor):
    store_waits()
    Task.objects.claim(by=ada)
    WaitSweep.objects.update(cursor=cursor)
    recheck = Recheck(1, 1)
    follow()
    assert not WaitSweep.objects.filled()

    for _ in range(4):
        recheck()

    assert (who(task), WaitSweep.objects.filled(), repaired()) == ("agent:ada", True, 0)
    assert recheck() == 0
    assert_stored_as_explained(project)


def test_one_that_dies_has_changed_nothing_and_the_next_one_follows_from_there(
    project, task, ada, monkeypatch
):
    store_waits()
    Task.objects.claim(by=ada)
    before = WaitSweep.objects.values().get()
    with monkeypatch.context() as patch:
        patch.setattr(type(TicketWait.objects), "store", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            follow()
    assert (WaitSweep.objects.values().get(), who(task)) == (before, "agents")

    follow()

    assert_stored_as_explained(project)


def test_two_at_once_take_turns(project, task, ada):
    """One that looked before the other has ended could store what was true before."""
    store_waits()
    [claim] = Task.objects.claim(by=ada)
    with transaction.atomic():
        WaitSweep.objects.select_for_update().get()
        other = Act(WaitSweep.objects.follow)
        other.start()
        assert other.waits()
        done = Act(lambda: complete(claim, by=ada))
        done.start()
        done.answer()
        assert other.waits()

    other.answer()

    assert not TaskWait.objects.exists()
    assert_stored_as_explained(project)


def test_a_ticket_of_many_tasks_is_looked_at_some_at_a_time(project, ticket, ada, operator, monkeypatch):
    monkeypatch.setattr(wait_sweep, "TASKS", 3)
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(10)], by=operator)
    first, *others = tasks
    Need.objects.add(project.pk, [Edge(first.pk, each.pk) for each in others], by=operator)
    store_waits()
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.pause(by=operator)

    assert WaitSweep.objects.follow() is True
    assert TaskWait.objects.filter(who="operator").count() == 1  # those with a need wait on that
    follow()
    assert WaitSweep.objects.get().left == {}
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.resume(by=operator)
    follow()
    claims = Task.objects.claim(by=ada)
    complete(claims[0], by=ada)
    while WaitSweep.objects.follow():
        pass
    assert TaskWait.objects.filter(lane_id__isnull=False).count() == 9
    assert_stored_as_explained(project)


def test_a_task_that_needs_several_waits_on_the_next_one(project, task, ticket, ada, operator):
    """Its own state does not change, and nothing is told of it."""
    second, child = Task.objects.add(ticket, [TaskSpec("second"), TaskSpec("then")], by=operator)
    Need.objects.add(project.pk, [Edge(task.pk, child.pk), Edge(second.pk, child.pk)], by=operator)
    store_waits()
    assert who(child) == f"task:{task.key}"
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    follow()

    assert claim.task == task.pk
    assert who(child) == f"task:{second.key}"
    assert_stored_as_explained(project)


def test_when_the_last_agent_goes_one_row_changes_for_all_tasks(project, ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(30)], by=operator)
    store_waits()
    rows = list(TaskWait.objects.order_by("id").values())
    assert len(Task.objects.waiting_on("agents", limit=50)[0]) == 30
    with type(ada).objects.locked(pk=ada.pk) as row:
        row.drain(by=operator)

    follow()

    assert list(TaskWait.objects.order_by("id").values()) == rows
    assert len(Task.objects.waiting_on("operator", limit=50)[0]) == 30
    assert Ticket.objects.waiting_on("operator", limit=5)[0] == [ticket.pk]
    assert_stored_as_explained(project)


def test_who_a_stopped_project_waits_on_is_read_at_once(project, task, ticket, ada, operator):
    Task.objects.claim(by=ada)
    store_waits()
    assert Ticket.objects.waiting_on("agent", limit=5)[0] == [ticket.pk]

    with type(project).objects.locked(pk=project.pk) as row:
        row.pause(by=operator)

    assert Ticket.objects.waiting_on("agent", limit=5)[0] == []
    assert Ticket.objects.waiting_on("operator", limit=5)[0] == [ticket.pk]
    assert TICKETS.stored([ticket.pk])[ticket.pk].who == "operator"
    assert_stored_as_explained(project)


def test_what_does_not_change_is_not_written(project, task, ticket, ada, operator):
    Ticket.objects.open(project, TicketSpec("idle"), by=operator)
    Task.objects.add(ticket, [TaskSpec("rest")], by=operator)
    Task.objects.claim(by=ada)
    store_waits()
    tables = ("tickets_taskwait", "tickets_ticketwait", "tickets_lanewait")
    rows = " UNION ALL ".join(f"SELECT xmin::text, ctid::text FROM {table}" for table in tables)
    before = sql.rows(rows)
    assert len(before) > 4

    store_waits()

    assert sql.rows(rows) == before


def test_the_walk_takes_only_so_many_open_ones_at_once(project, ticket, ada, operator, monkeypatch):
    monkeypatch.setattr(wait_sweep, "RECHECKED", 2)
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(5)], by=operator)
    recheck = Recheck()

    stored = []
    for _ in range(3):
        recheck()
        stored.append(TaskWait.objects.count())

    assert stored == [2, 4, 5]


def test_only_so_many_are_looked_at_again_at_once(project, ticket, operator, monkeypatch):
    monkeypatch.setattr(waits, "LOOKS", 2)
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(5)], by=operator)
    store_waits()
    TaskWait.objects.update(until="2020-01-01T00:00Z")

    WaitSweep.objects.follow()

    assert TaskWait.objects.filter(until__isnull=False).count() == 3


def test_what_is_told_later_is_no_repair(project, ticket, operator, monkeypatch):
    """The journal has more news than one look reads."""
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"{n}", tasks=[TaskSpec("do it")]), by=operator)
        for n in range(5)
    ]
    store_waits()
    monkeypatch.setattr(wait_sweep, "EVENTS", 2)
    for each in tickets:
        with Ticket.objects.locked(pk=each.pk) as row:
            row.pause(by=operator)

    Recheck()()

    assert (set(TaskWait.objects.values_list("who", flat=True)), repaired()) == ({"operator"}, 0)


def test_what_is_left_to_look_at_is_no_repair(project, task, ticket, ada, operator, monkeypatch):
    """Whoever needs one that has ended is not looked at yet."""
    [second] = Task.objects.add(ticket, [TaskSpec("second")], by=operator)
    children = [
        task
        for n in range(5)
        for task in Task.objects.add(
            Ticket.objects.open(project, TicketSpec(f"{n}"), by=operator), [TaskSpec("then")], by=operator
        )
    ]
    edges = [Edge(parent.pk, child.pk) for parent in (task, second) for child in children]
    Need.objects.add(project.pk, edges, by=operator)
    store_waits()
    monkeypatch.setattr(wait_sweep, "TASKS", 2)
    [claim] = Task.objects.claim(by=ada, limit=1)
    complete(claim, by=ada)
    assert WaitSweep.objects.follow() is True

    Recheck()()

    assert ({who(child) for child in children}, repaired()) == ({f"task:{second.key}"}, 0)


def test_what_a_limit_of_tickets_changes_is_followed(project, ticket, task, ada, operator):
    """From then on it counts that the ticket is in work: its other task need not wait for another ticket."""
    [second] = Task.objects.add(ticket, [TaskSpec("second")], by=operator)
    store_waits()
    Task.objects.claim(by=ada, limit=1)
    silent(ada)
    follow()
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(by=operator, max_tickets=1)
    Recheck()()
    assert repaired() == 0
    TaskWait.objects.filter(pk=second.pk).update(variant=0)  # as it was before the limit

    follow()

    assert who(second) == "operator"
    assert_stored_as_explained(project)


def test_what_a_person_holds_who_left_waits_for_others_at_once(
    project, task, operator, django_user_model, monkeypatch
):
    lee = django_user_model.objects.create_user("lee")
    Member.objects.set(project, lee, "operator", by=operator)
    Task.objects.assign(task.pk, by=lee, reason="by hand")
    store_waits()
    assert who(task) == "user:lee"

    Member.objects.remove(project, lee, by=operator)
    follow()

    assert who(task) == "operator"
    assert_stored_as_explained(project)
    Member.objects.set(project, lee, "operator", by=operator)
    Recheck()()
    assert (who(task), repaired()) == ("user:lee", 0)
    django_user_model.objects.filter(pk=lee.pk).update(is_active=False)  # nothing is told of this
    Recheck()()
    assert (who(task), repaired()) == ("operator", 0)


def test_who_a_new_lane_waits_on_is_known_at_once(project, ticket, ada, operator, monkeypatch):
    """Of very many lanes, it may be long until the walk over them comes by."""
    monkeypatch.setattr(sweeps, "LANES", 1)
    Task.objects.add(ticket, [TaskSpec(f"{n}", capabilities=[f"old-{n}"]) for n in range(4)], by=operator)
    follow_once = Follow()
    follow_once()
    Task.objects.add(ticket, [TaskSpec(f"{n}", capabilities=[f"new-{n}"]) for n in range(4)], by=operator)

    follow_once()

    stored = TASKS.stored(TaskWait.objects.values_list("pk", flat=True))
    assert {wait.who for wait in stored.values()} == {"operator"}


def test_a_walk_fills_only_the_gap_it_began_after(project, ticket, operator):
    """While it is under way there is another gap: it begins anew."""
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(4)], by=operator)
    follow()
    recheck = Recheck(1, 1)
    for _ in range(3):
        recheck()
    Task.objects.filter(pk=tasks[2].pk).cancel(by=operator, reason="not wanted")
    WaitSweep.objects.update(cursor="99999999.99999999.")
    follow()

    while recheck():
        pass

    assert not TaskWait.objects.filter(pk=tasks[2].pk).exists()
    assert_stored_as_explained(project)


def test_a_walk_in_which_a_part_failed_fills_no_gap(project, task, ticket, operator, monkeypatch):
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(3)], by=operator)
    follow()
    recheck = Recheck(2, 2)
    with monkeypatch.context() as patch:
        patch.setattr(type(TaskWait.objects), "store", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            recheck()

    while recheck():
        pass

    assert_stored_as_explained(project)


def test_all_who_wait_for_room_wait_on_whoever_can_make_it_after_one_run(project, operator, ada, monkeypatch):
    """However few tickets a run looks at by themselves."""
    Agent.objects.filter(pk=ada.pk).update(capacity=10)
    workflow = reviewing(project, limit=1)
    tickets = opened(project, workflow, 5, by=operator)
    for claim in Task.objects.claim(by=ada, limit=5):
        complete(claim, by=ada)
    while Ticket.objects.advance_due():
        pass
    store_waits()
    [there] = [ticket for ticket in tickets if phase_of(ticket) == "REVIEW"]
    waiting = TicketWait.objects.exclude(pk=there.pk)
    assert set(waiting.values_list("who", flat=True)) == {"operator"}
    monkeypatch.setattr(waits, "LOOKS", 1)

    Task.objects.add(there, [TaskSpec("look once more")], by=operator)
    with transaction.atomic():
        Recheck()()
        assert repaired() == 0  # what others decide is not stored wrongly
        transaction.set_rollback(True)
    WaitSweep.objects.follow()

    assert set(waiting.values_list("who", flat=True)) == {f"ticket:{there.key}"}
    assert_stored_as_explained(project)
    before = list(waiting.values("id", "at"))
    WaitSweep.objects.follow()
    assert list(waiting.values("id", "at")) == before  # what stays the same is not written again

    # there is room: they wait for the clock, until one of them has taken it
    Task.objects.filter(ticket=there).cancel(by=operator, reason="seen")
    Ticket.objects.move(there.pk, "DONE", by=operator)
    SweepRun.note({})
    WaitSweep.objects.follow()
    assert set(waiting.values_list("who", flat=True)) == {"clock"}
    assert_stored_as_explained(project)
    assert not waiting.filter(until__isnull=False).exists()  # no look at each of them

    while Ticket.objects.advance_due():
        pass
    WaitSweep.objects.follow()
    assert sorted(waiting.values_list("who", flat=True)) == ["operator"] * 4
    assert_stored_as_explained(project)
