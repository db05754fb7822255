"""A lane's floor keeps claims clear of what was claimed before, and hides nothing that is ready for long."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.factories import complete
from tickets.models import Edge, Lane, Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.lane import TOP
from tickets.runtime.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["ranks of their own", "one rank"])
def two(request, ticket, operator):
    """An earlier and a later task of one lane. Of tasks that became ready together, the lower id is first."""
    two = Task.objects.add(ticket, [TaskSpec("Earlier"), TaskSpec("Later", priority=3)], by=operator)
    if request.param == "one rank":
        Task.objects.update(rank=two[1].rank)
    return two


def ready_again(task):
    """As if a transaction that did not see the lane's floor raised had made it ready."""
    sql.rows(
        """
        UPDATE tickets_task
        SET state = 'pending', holder_id = NULL, lease_expires_at = NULL
        WHERE id = %s
        """,
        [task.pk],
    )


def assert_floor_at(task):
    lane = Lane.objects.get()
    assert (lane.floor, lane.floor_id) == (Task.objects.get(pk=task.pk).rank, task.pk)


def claimed(agent):
    return [claim.task for claim in Task.objects.claim(by=agent)]


def test_what_becomes_ready_while_a_floor_is_raised_is_found_by_the_next_look(two, ada, bob):
    earlier, later = two
    assert claimed(ada) == [earlier.pk]
    Task.objects.raise_floors()
    assert_floor_at(later)
    ready_again(earlier)
    assert claimed(bob) == [later.pk]

    Task.objects.raise_floors()

    assert claimed(bob) == [earlier.pk]


def test_claims_between_two_looks_are_followed_and_hide_nothing_from_the_next_look(two, ada, bob, operator):
    """However often they are followed, the next look begins where the one before the last ended."""
    earlier, later = two
    for _ in range(2):
        Task.objects.raise_floors()
    assert claimed(ada) == [earlier.pk]
    assert Task.objects.follow_claims() == 1
    assert_floor_at(later)
    assert Task.objects.follow_claims() == 0

    Task.objects.raise_floors()
    ready_again(earlier)
    assert claimed(bob) == [later.pk]
    assert Task.objects.follow_claims() == 1

    assert claimed(bob) == [earlier.pk]


def test_claims_before_the_first_look_at_a_lane_hide_nothing_from_it(two, ada, bob):
    earlier, _ = two
    assert claimed(ada) == [earlier.pk]
    assert Task.objects.follow_claims() == 0
    ready_again(earlier)

    Task.objects.raise_floors()

    assert claimed(bob) == [earlier.pk]


def test_what_becomes_ready_long_after_a_floor_was_raised_is_found_by_the_look_at_everything(two, ada, bob):
    earlier, later = two
    assert claimed(ada) == [earlier.pk]
    for _ in range(3):
        Task.objects.raise_floors()
    ready_again(earlier)
    Task.objects.raise_floors()
    assert claimed(bob) == [later.pk]

    Clock().turn()

    assert claimed(bob) == [earlier.pk]


def test_new_work_of_a_lane_that_had_none_is_found_at_once(two, ada, ticket, operator):
    for _ in two:
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
    for _ in range(3):
        Task.objects.raise_floors()
    assert Lane.objects.get().floor == TOP

    [new] = Task.objects.add(ticket, [TaskSpec("New")], by=operator)

    assert claimed(ada) == [new.pk]


def test_what_becomes_ready_in_a_lane_that_had_none_is_found_by_the_next_look(two, ada, bob):
    [first] = claimed(ada)
    [second] = claimed(ada)
    for _ in range(3):
        Task.objects.raise_floors()
    for task in two:
        ready_again(task)

    Task.objects.raise_floors()

    assert [claimed(bob), claimed(bob)] == [[first], [second]]


# Each act makes `earlier` ready, or more urgent, while the lane's floor stands at `later`.
ACTS = {
    "release": lambda earlier, ada, operator: Task.objects.release(earlier.pk, 1, by=ada),
    "revoke": lambda earlier, ada, operator: Task.objects.filter(pk=earlier.pk).revoke(by=operator),
    "lapse": lambda earlier, ada, operator: (
        Task.objects.filter(pk=earlier.pk).update(lease_expires_at="2020-01-01T00:00Z"),
        Task.objects.lapse(),
    ),
    "cancel and retry": lambda earlier, ada, operator: [
        Task.objects.act(earlier.pk, verb, by=operator, reason="once more") for verb in ("cancel", "retry")
    ],
}


@pytest.mark.parametrize("act", ACTS)
def test_what_an_act_makes_ready_below_the_floor_is_found_at_once(two, ada, bob, operator, act):
    earlier, _ = two
    assert claimed(ada) == [earlier.pk]
    for _ in range(3):
        Task.objects.raise_floors()

    ACTS[act](earlier, ada, operator)

    assert claimed(bob) == [earlier.pk]


def test_work_of_a_resumed_ticket_is_found_at_once(two, ticket, ada, operator):
    other = Ticket.objects.open(ticket.project, TicketSpec("x"), by=operator)
    Ticket.objects.move(other.pk, "DOING", by=operator)
    Task.objects.add(other, [TaskSpec("Last", priority=3)], by=operator)
    Ticket.objects.act(ticket.pk, "pause", by=operator)
    for _ in range(3):
        Task.objects.raise_floors()

    Ticket.objects.act(ticket.pk, "resume", by=operator)

    assert claimed(ada) == [two[0].pk]


def test_a_bumped_task_is_found_at_once(two, ada, operator):
    for _ in range(3):
        Task.objects.raise_floors()

    Task.objects.act(two[1].pk, "bump", by=operator, reason="hurry")

    assert claimed(ada) == [two[1].pk]


@pytest.mark.parametrize("act", ["complete", "remove the need"])
def test_a_task_that_waits_no_longer_is_found_at_once(two, ticket, ada, bob, operator, act):
    first, later = two
    [urgent] = Task.objects.add(ticket, [TaskSpec("Urgent", priority=0)], by=operator)
    Need.objects.add(ticket.project_id, [Edge(first.pk, urgent.pk)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == first.pk
    for _ in range(3):
        Task.objects.raise_floors()

    if act == "complete":
        complete(claim, by=ada)
    else:
        Need.objects.remove(Need.objects.get(), by=operator)

    assert [claimed(bob), claimed(bob)] == [[urgent.pk], [later.pk]]


def test_a_task_whose_time_has_come_is_found_at_once(two, ada, operator):
    earlier, _ = two
    Task.objects.filter(pk=earlier.pk).update(not_due=True, not_before="2020-01-01T00:00Z", priority=0)
    for _ in range(3):
        Task.objects.raise_floors()

    assert Task.objects.wake() == 1

    assert claimed(ada) == [earlier.pk]


def test_a_look_that_finds_nothing_new_writes_nothing(two, ada):
    assert claimed(ada)
    for _ in range(3):
        Task.objects.raise_floors()
    rows = "SELECT l.ctid::text AS lane, o.ctid::text AS look FROM tickets_lane l, tickets_lanelook o"
    before = sql.rows(rows)
    Task.objects.raise_floors()
    Task.objects.reset_floors()
    assert sql.rows(rows) == before


def test_a_raised_floor_costs_no_index_an_entry(two, ada):
    Task.objects.raise_floors()
    assert claimed(ada)
    assert Task.objects.follow_claims() == 1
    Task.objects.raise_floors()

    changed = """
        SELECT n_tup_upd > 0 AND n_tup_upd = n_tup_hot_upd AS in_place
        FROM pg_stat_xact_user_tables
        WHERE relname IN ('tickets_lane', 'tickets_lanelook')
        """
    assert sql.rows(changed) == [{"in_place": True}] * 2
