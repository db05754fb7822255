"""Figures of hours: each event of the journal is counted once, and waits are added up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, fail, lapse
from tests.support.concurrency import meanwhile
from tests.support.past import moved_at, times_free
from tickets.models import HourlyFigures, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.figures import wait
from tickets.models.figures.figures import RANGES, figures

pytestmark = pytest.mark.django_db(transaction=True)
DAY, WEEK, MONTH = RANGES


@pytest.fixture
def history(project, ticket, ada, operator):
    """Three tasks that were ready for 1,100 s: one completed, one failed for good, and one whose lease ended
    is claimed again.
    """
    Task.objects.add(ticket, [TaskSpec(name) for name in ("a", "b", "c")], by=operator)
    sql.rows("UPDATE tickets_task SET ready_at = clock_timestamp() - interval '1100 s'")
    with times_free():
        moved_at(ticket, ticket.moves, timezone.now() - timedelta(hours=2))
    first, second, third = Task.objects.claim(by=ada, limit=3)
    complete(first, by=ada)
    fail(second, by=ada, kind="permanent")
    lapse(third)
    assert len(Task.objects.claim(by=ada)) == 1


def whole(*projects, over=DAY, **more):
    return figures([project.pk for project in projects], over, **more).whole


def test_what_happened_is_counted_once(project, history):
    while HourlyFigures.objects.count_events(limit=3) >= 3:
        pass
    assert HourlyFigures.objects.count_events() == 0

    counted = whole(project)

    assert (counted.completed, counted.failed, counted.lapsed) == (1, 1, 1)
    assert sum(counted.waits) == 3  # first grants
    assert 1024 < counted.wait_p95 <= 1449
    assert whole(project, of_all=True).waits == counted.waits
    assert whole(project, over=MONTH).completed == 1


def test_an_event_of_a_transaction_that_is_still_open_is_not_skipped(project, ticket, ada, bob, operator):
    Task.objects.add(ticket, [TaskSpec("a"), TaskSpec("b")], by=operator)
    [first], [second] = Task.objects.claim(by=ada), Task.objects.claim(by=bob)

    def complete_and_count():
        complete(second, by=bob)
        HourlyFigures.objects.count_events()
        return whole(project).completed

    with meanwhile(complete_and_count, waits=False) as other:
        complete(first, by=ada)
    assert other.answer() == 0
    HourlyFigures.objects.count_events()

    assert whole(project).completed == 2


def test_a_refused_gate_is_counted_and_other_projects_are_not(project, operator):
    other = Project.objects.create_project(ProjectSpec("ZED"), by=operator)
    phases = [{"name": "MAKE", "to": ["OUT"], "gate": [{"check": "acceptance"}]}, {"name": "OUT", "to": []}]
    workflow = allow_workflow(other, Workflow.objects.install({"name": "gated", "phases": phases}))
    ticket = Ticket.objects.open(other, TicketSpec("x", workflow=workflow), by=operator)
    Ticket.objects.judge(pk=ticket.pk, by=operator)

    HourlyFigures.objects.count_events()

    assert (whole(other).judged, whole(other).refused, whole(other).refused_share) == (1, 1, 1)
    assert whole(project).judged == 0
    assert whole(project, other).refused == whole(project, of_all=True).refused == 1


def test_an_old_hour_belongs_to_the_time_before_and_is_forgotten(project, history):
    HourlyFigures.objects.count_events()
    for ago, left in (("25 h", 1), ("62 d", 0)):
        sql.rows(f"UPDATE tickets_hourlyfigures SET hour = date_trunc('hour', now()) - interval '{ago}'")
        found = figures([project.pk], DAY)
        assert (found.whole.completed, found.before.completed) == (0, left)

    assert HourlyFigures.objects.forget(1_000) == 2
    assert not HourlyFigures.objects.exists()


def test_the_queue_is_noted_until_it_is_empty(project, ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(name) for name in ("a", "b", "c")], by=operator)
    Task.objects.claim(by=ada)
    HourlyFigures.objects.sample_queue()

    noted = figures([project.pk], DAY)
    assert (noted.ready_now, noted.steps[-1].ready, noted.steps[-1].claimed) == (2, 2, 1)
    assert figures([project.pk], DAY, of_all=True).steps[-1].ready == 2

    Task.objects.all().cancel(by=operator, reason="not needed")
    HourlyFigures.objects.sample_queue()

    assert figures([project.pk], DAY).steps[-1].ready == 0


def test_a_quantile_lies_in_the_bucket_of_its_rank():
    numbers = [0] * wait.BUCKETS
    numbers[4], numbers[20] = 90, 10  # up to 4 s, up to 1,024 s

    assert wait.quantile(numbers, 0.5) <= wait.bound(4) < wait.bound(19) < wait.quantile(numbers, 0.95)
    assert wait.quantile(numbers, 1) == wait.bound(20)
    assert wait.quantile([], 0.95) is None
