"""Figures of hours: each event of the journal is counted once, and waits are added up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, fail, lapse, submit
from tests.support.concurrency import meanwhile
from tests.support.past import moved_at, times_free
from tickets.models import HourlyFigures, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.figures import wait
from tickets.models.figures.figures import RANGES, figures

pytestmark = pytest.mark.django_db(transaction=True)
DAY, WEEK, MONTH = RANGES
LOOKED = """
INSERT INTO tickets_hourlyfigures (project_id, hour, ready, claimed)
VALUES (%s, date_trunc('hour', %s::timestamptz, 'UTC') - %s * interval '1 h', %s, %s)
"""


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


def last_look():
    """The hour in which the sweep looked last: the next one may have begun since."""
    return HourlyFigures.objects.filter(ready__isnull=False).latest("hour").hour


def looked_at(project, now, *, hours_ago, ready=0, claimed=0):
    """The sweep found this so long before, of all projects if it is 0."""
    for ago in hours_ago:
        sql.rows(LOOKED, [project, now, ago, ready, claimed])


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


def test_checks_of_judgements_are_counted_by_their_names(project, operator):
    gate = [{"check": "artifact", "type": "notes"}, {"check": "tasks_completed"}]
    phases = [{"name": "WORK", "to": ["DONE"], "gate": gate}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(
        project, Workflow.objects.install({"name": "checked", "phases": phases}, by=operator)
    )
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    HourlyFigures.objects.count_events()
    submit(ticket, "notes", b"done", by=operator)
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    HourlyFigures.objects.count_events()

    for of_all in (True, False):
        found = figures([project.pk], DAY, of_all=of_all).checks
        assert [(each.name, each.passed, each.refused) for each in found] == [
            ("tasks_completed", 0, 2),
            ("artifact", 1, 1),
        ]


def test_a_wait_begins_when_the_ticket_enters_the_phase_whatever_follows(project, ticket, task, ada):
    sql.rows("UPDATE tickets_task SET ready_at = clock_timestamp() - interval '5 h'")
    with times_free():
        moved_at(ticket, 0, timezone.now() - timedelta(hours=5))
        moved_at(ticket, ticket.moves, timezone.now() - timedelta(seconds=1100))
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert Ticket.objects.advance_due() == 1

    HourlyFigures.objects.count_events()

    assert 1024 < whole(project).wait_p95 <= 1449


def test_a_task_that_is_ready_again_before_its_grant_is_counted_has_no_wait(project, task, ada):
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada)
    sql.rows("UPDATE tickets_task SET not_before = clock_timestamp() - interval '1 s'")
    assert Task.objects.wake() == 1

    HourlyFigures.objects.count_events()

    assert sum(whole(project).waits) == 0


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
    hours = HourlyFigures.objects.count()
    for ago, left in (("25 h", 1), ("62 d", 0)):
        sql.rows(f"UPDATE tickets_hourlyfigures SET hour = hour - interval '{ago}'")
        found = figures([project.pk], DAY)
        assert (found.whole.completed, found.before.completed) == (0, left)
        assert sum(found.before.waits) == 3 * left
        assert not left or 1024 < found.before.wait_p95 <= 1449

    assert HourlyFigures.objects.forget(1_000) == hours
    assert not HourlyFigures.objects.exists()


def test_the_queue_is_noted_until_it_is_empty(project, ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(name) for name in ("a", "b", "c")], by=operator)
    Task.objects.claim(by=ada)
    HourlyFigures.objects.sample_queue()

    noted = figures([project.pk], DAY, now=last_look())
    assert (noted.ready_now, noted.steps[-1].ready, noted.steps[-1].claimed) == (2, 2, 1)
    assert figures([project.pk], DAY, of_all=True, now=last_look()).steps[-1].ready == 2

    Task.objects.all().cancel(by=operator, reason="not needed")
    HourlyFigures.objects.sample_queue()

    assert figures([project.pk], DAY, now=last_look()).steps[-1].ready == 0


def test_an_hour_without_work_is_known_and_counts_in_the_mean(project):
    HourlyFigures.objects.sample_queue()
    now = last_look()

    for of_all in (False, True):
        *before, last = figures([project.pk], DAY, of_all=of_all, now=now).steps
        assert (last.ready, last.claimed) == (0, 0)
        assert {step.ready for step in before} == {None}

    looked_at(0, now, hours_ago=(6, 7, 9, 10, 11))
    for each in (0, project.pk):
        looked_at(each, now, hours_ago=(8,), ready=10, claimed=3)
    for of_all in (False, True):
        step = figures([project.pk], WEEK, of_all=of_all, now=now).steps[-2]
        assert (step.ready, step.claimed) == (pytest.approx(10 / 6), pytest.approx(3 / 6))


def test_the_time_in_each_phase_that_was_left_is_a_median_beside_that_of_the_time_before(
    project, ticket, task, ada, operator
):
    """Ticket by ticket in its own hour; a phase that the workflow lacks comes last."""
    ages = [timedelta(seconds=1100), timedelta(seconds=1200), timedelta(hours=9)]
    tickets = [ticket, *(Ticket.objects.open(project, TicketSpec("x"), by=operator) for _ in ages[1:])]
    for each in tickets[1:]:
        with Ticket.objects.locked(pk=each.pk) as moved:
            moved.advance(by=operator)
    tickets = [Ticket.objects.get(pk=each.pk) for each in tickets]
    with times_free():
        for each, age in zip(tickets, ages, strict=True):
            moved_at(each, each.moves, timezone.now() - age)
    for each in tickets:
        with Ticket.objects.locked(pk=each.pk) as moved:
            moved.block(by=operator, cause="clarification", reason="which of the two")
        HourlyFigures.objects.count_events(limit=7)
    with Ticket.objects.locked(pk=ticket.pk) as moved:
        moved.unblock(by=operator)
    while HourlyFigures.objects.count_events(limit=7):
        pass

    for of_all in (False, True):
        found = figures([project.pk], DAY, of_all=of_all).stays
        here = next(each for each in found if each.phase == ticket.phase)
        assert (sum(here.now), sum(here.before), here.median_before) == (3, 0, None)
        assert 1024 < here.median <= 1449
        assert found[-1].phase == "BLOCKED"
        assert (sum(found[-1].now), found[-1].median <= 1) == (1, True)

    sql.rows("UPDATE tickets_hourlyfigures SET hour = hour - interval '25 h'")
    [here, *_] = (each for each in figures([project.pk], DAY).stays if each.phase == ticket.phase)
    assert (sum(here.now), here.median, sum(here.before)) == (0, None, 3)


def test_stuck_tickets_are_noted_until_somebody_moves_them_on(project, ticket, task, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")
    HourlyFigures.objects.sample_stuck()
    looked = HourlyFigures.objects.filter(stuck__isnull=False)
    now = looked.latest("hour").hour

    for of_all in (False, True):
        *before, last = figures([project.pk], DAY, of_all=of_all, now=now).steps
        assert (last.stuck, last.ready, {step.stuck for step in before}) == (1, None, {None})

    Task.objects.filter(pk=task.pk).retry(by=operator, reason="try again")
    HourlyFigures.objects.sample_stuck()

    assert set(looked.filter(hour=looked.latest("hour").hour).values_list("stuck", flat=True)) == {0}


def test_of_more_ready_tasks_than_are_counted_the_last_note_is_shown(project, ticket, operator, monkeypatch):
    monkeypatch.setattr("tickets.models.figures.figures.MOST_READY", 2)
    now = timezone.now()
    looked_at(project.pk, now, hours_ago=(20,), ready=900)
    looked_at(0, now, hours_ago=(20,), ready=900)
    looked_at(0, now, hours_ago=(1, 2))
    Task.objects.add(ticket, [TaskSpec(name) for name in ("a", "b", "c")], by=operator)
    assert figures([project.pk], DAY).ready_now == 2  # nothing was ready when somebody looked last

    HourlyFigures.objects.sample_queue()

    assert figures([project.pk], DAY).ready_now == 3


def test_a_quantile_lies_in_the_bucket_of_its_rank():
    numbers = [0] * wait.BUCKETS
    numbers[4], numbers[20] = 90, 10  # up to 4 s, up to 1,024 s

    assert wait.quantile(numbers, 0.5) <= wait.bound(4) < wait.bound(19) < wait.quantile(numbers, 0.95)
    assert wait.quantile(numbers, 1) == wait.bound(20)
    assert wait.quantile([], 0.95) is None
