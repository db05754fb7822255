"""Where a task stands in the order of work after its claim has ended without its holder."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tickets.models import SweepRun, Task, TaskSpec

pytestmark = pytest.mark.django_db

RETRY = 5 * 60 * 10**6  # microseconds by which each retry puts a task back


def rank_of(task):
    return Task.objects.get(pk=task.pk).rank


def over(task, column):
    sql.rows(
        f"UPDATE tickets_task SET {column} = clock_timestamp() - interval '1 s',"
        " lease_look_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [task.pk],
    )


@pytest.fixture
def work(ticket, operator):
    """A ready task that may take 600 s, and show no progress for 60 s."""
    [task] = Task.objects.add(ticket, [TaskSpec("work", timeout_s=600, stall_after_s=60)], by=operator)
    return task


def no_progress(task):
    """For its limit and for the grace of its project."""
    SweepRun.note({"stall": ""})
    sql.rows(
        "UPDATE tickets_task SET active_at = active_at - interval '1 h',"
        " lease_look_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [task.pk],
    )


@pytest.mark.parametrize(
    ("ends", "sweep", "failure"),
    [
        (lambda task: over(task, "lease_expires_at"), "lapse", "lapse"),
        (lambda task: over(task, "timeout_at"), "time_out", "timeout"),
        (no_progress, "stall", "no_progress"),
    ],
    ids=["lease", "timeout", "no progress"],
)
def test_a_retry_stands_5_minutes_later(work, ada, ends, sweep, failure):
    first = rank_of(work)
    Task.objects.claim(by=ada)
    ends(work)

    getattr(Task.objects, sweep)()

    task = Task.objects.get(pk=work.pk)
    assert (task.state, task.attempts) == ("pending", 1)
    assert [tried["kind"] for tried in task.tried] == [failure]
    assert rank_of(work) == first + RETRY


def test_what_had_not_begun_stands_where_it_stood(work, ada, operator):
    first = rank_of(work)
    Task.objects.assign(work.pk, by=operator, to="ada", reason="by hand")
    over(work, "lease_expires_at")

    Task.objects.lapse()

    assert Task.objects.get(pk=work.pk).state == "pending"
    assert rank_of(work) == first


def test_what_people_put_in_front_stays_in_front(work, ada, operator):
    Task.objects.act(work.pk, "bump", by=operator, reason="first")
    first = rank_of(work)
    Task.objects.claim(by=ada)
    over(work, "lease_expires_at")

    Task.objects.lapse()

    assert rank_of(work) == first
