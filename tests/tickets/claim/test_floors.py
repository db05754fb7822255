"""A lane's floor keeps claims clear of what was claimed before, and hides nothing that is ready for long."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.factories import complete
from tickets.models import Lane, Task, TaskSpec
from tickets.models.task.lane import TOP

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(ticket, operator):
    """An earlier and a later task of one lane."""
    return Task.objects.add(ticket, [TaskSpec("Earlier"), TaskSpec("Later", priority=3)], by=operator)


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


def claimed(agent):
    return [claim.task for claim in Task.objects.claim(by=agent)]


def test_what_becomes_ready_while_a_floor_is_raised_is_found_by_the_next_look(two, ada, bob):
    earlier, later = two
    assert claimed(ada) == [earlier.pk]
    Task.objects.raise_floors()
    ready_again(earlier)
    assert claimed(bob) == [later.pk]

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

    Task.objects.reset_floors()

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


def test_a_look_that_finds_nothing_new_writes_nothing(two, ada):
    assert claimed(ada)
    for _ in range(3):
        Task.objects.raise_floors()
    before = sql.rows("SELECT ctid::text FROM tickets_lane")
    Task.objects.raise_floors()
    Task.objects.reset_floors()
    assert sql.rows("SELECT ctid::text FROM tickets_lane") == before
