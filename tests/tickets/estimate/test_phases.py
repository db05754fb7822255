"""The phases to come: how long past tickets of the workflow were in them, with all waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import allow_workflow, complete
from tests.support.past import moved_at, times_free
from tests.tickets.estimate.conftest import before, took
from tests.tickets.estimate.test_estimate import estimate, likely, seconds
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = [
    {"name": "IDEA", "to": ["WORK", "SPIKE"]},
    {"name": "SPIKE", "to": ["WORK"]},
    {"name": "WORK", "to": ["REVIEW", "DONE"], "automatic": "on_completion"},
    {"name": "REVIEW", "to": ["DONE", "WORK"]},
    {"name": "DONE", "to": []},
]


@pytest.fixture
def reviewed(project):
    return allow_workflow(project, Workflow.objects.install({"name": "reviewed", "phases": PHASES}))


@pytest.fixture
def went(project, operator, reviewed):
    """A ticket that made these moves, each (phase, seconds after the one before), the last just now."""

    def went(*moves, workflow=reviewed):
        ticket = Ticket.objects.open(project, TicketSpec("Go", workflow=workflow), by=operator)
        for to, _ in moves:
            how = {"cause": "environment"} if to == "BLOCKED" else {}
            Ticket.objects.move(ticket.pk, to, by=operator, reason="it goes on", **how)
        at = timezone.now() - timedelta(seconds=sum(after for _, after in moves))
        with times_free():
            for number, after in enumerate([0, *(after for _, after in moves)]):
                at += timedelta(seconds=after)
                moved_at(ticket, number, at)
        return Ticket.objects.get(pk=ticket.pk)

    return went


def stays(found):
    return {part.phase: round(part.expected_s) for part in found.critical_path if part.task is None}


def test_each_phase_to_come_takes_as_long_as_past_tickets_were_there(went):
    for _ in range(3):
        went(("WORK", 100), ("REVIEW", 200), ("DONE", 400))

    found = estimate(went())

    assert stays(found) == pytest.approx({"IDEA": 100, "WORK": 200, "REVIEW": 400}, abs=20)
    assert seconds(found) == pytest.approx(700, abs=20)
    assert [part.group for part in found.critical_path] == ["stay"] * 3


def test_a_stay_has_blocks_and_ways_back(went):
    went(("WORK", 100), ("REVIEW", 200), ("BLOCKED", 1), ("REVIEW", 50), ("WORK", 9), ("DONE", 40))

    assert stays(estimate(went())) == pytest.approx({"IDEA": 100, "WORK": 200, "REVIEW": 100}, abs=20)


def test_a_phase_that_fewer_than_half_came_through_is_left_out(went):
    for _ in range(3):
        went(("WORK", 100), ("REVIEW", 200), ("DONE", 400))
    for _ in range(2):
        went(("SPIKE", 10), ("WORK", 100), ("REVIEW", 200), ("DONE", 400))

    assert "SPIKE" not in stays(estimate(went()))


@pytest.mark.full
def test_in_a_phase_only_what_is_left_counts(went):
    for length in (100, 200, 300, 400, 500):
        went(("WORK", 1), ("REVIEW", 1), ("DONE", length))

    assert seconds(estimate(went(("WORK", 1), ("REVIEW", 1)))) == pytest.approx(300, abs=20)
    waiting = went(("WORK", 1), ("REVIEW", 1))
    with times_free():
        moved_at(waiting, 2, timezone.now() - timedelta(seconds=350))

    assert seconds(estimate(waiting)) == pytest.approx(100, abs=20)


@pytest.mark.parametrize(
    ("way", "left"),
    [
        ([("REVIEW", 1)], 300),
        ([("REVIEW", 1), ("BLOCKED", 200), ("REVIEW", 50)], 150),
        ([("REVIEW", 1), ("WORK", 200), ("REVIEW", 50)], 150),
        ([("REVIEW", 1), ("CANCELLED", 200), ("REVIEW", 50)], 300),
    ],
    ids=["entered", "blocked meanwhile", "sent back meanwhile", "reopened"],
)
def test_it_is_in_its_phase_since_its_first_entry_as_past_stays_are(went, way, left):
    for length in (100, 200, 300, 400, 500):
        went(("WORK", 1), ("REVIEW", 1), ("DONE", length))

    assert seconds(estimate(went(("WORK", 1), *way))) == pytest.approx(left, abs=20)


@pytest.mark.full
def test_a_ticket_that_was_sent_back_is_there_since_then(went):
    for length in (100, 200, 300, 400, 500):
        went(("WORK", 1), ("REVIEW", length), ("DONE", 1))
    ticket = went(("WORK", 1), ("REVIEW", 450), ("WORK", 1))

    assert stays(estimate(ticket))["WORK"] == pytest.approx(300, abs=20)


def test_what_was_before_a_ticket_was_cancelled_is_no_part_of_a_stay(went):
    went(("WORK", 10), ("REVIEW", 20), ("CANCELLED", 4_000), ("REVIEW", 9_000), ("DONE", 300))

    assert stays(estimate(went())) == pytest.approx({"IDEA": 10, "WORK": 20, "REVIEW": 300}, abs=5)


def test_who_waits_longer_than_all_before_gets_no_figure(went):
    for length in (100, 200, 300):
        went(("WORK", 1), ("REVIEW", 1), ("DONE", length))
    waiting = went(("WORK", 1), ("REVIEW", 1))
    with times_free():
        moved_at(waiting, 2, timezone.now() - timedelta(hours=3))

    assert estimate(waiting).unknown == [
        "It has been in Review for 3 hours, longer than each of the last 3 tickets: `explain` says what it"
        " waits for"
    ]


def test_a_phase_that_no_ticket_has_left_gives_no_figure(went):
    found = estimate(went())

    assert found.expected_at is None
    assert found.unknown[0] == (
        "No ticket of reviewed has come through Idea here yet, so its time there is not known"
    )


def test_each_version_of_the_workflow_counts(went, project, operator):
    went(("WORK", 100), ("REVIEW", 200), ("DONE", 400))
    newer = Workflow.objects.install(
        {"name": "reviewed", "phases": [*PHASES[:4], {"name": "DONE", "to": []}], "start": "IDEA"}
    )

    assert seconds(estimate(went(workflow=newer))) == pytest.approx(700, abs=20)


def test_a_phase_with_tasks_ends_with_its_last_task_and_not_before_its_usual_time(went, worked, operator):
    for _ in range(3):
        went(("WORK", 100), ("REVIEW", 200), ("DONE", 400))
    worked(*[5_000] * 5)
    ticket = went(("WORK", 1))
    [task] = Task.objects.add(ticket, [TaskSpec("do it")], by=operator)

    found = estimate(Ticket.objects.get(pk=ticket.pk))

    assert [part.task for part in found.critical_path] == [task.pk, None]
    assert seconds(found) == pytest.approx(5_400, abs=20)


def test_tasks_of_a_later_phase_begin_when_the_ticket_gets_there(went, worked, operator):
    for _ in range(3):
        went(("WORK", 100), ("REVIEW", 200), ("DONE", 10))
    worked(*[5_000] * 5)
    ticket = went()
    [task] = Task.objects.add(ticket, [TaskSpec("do it", phase="REVIEW")], by=operator)

    found = estimate(Ticket.objects.get(pk=ticket.pk))

    assert [part.task for part in found.critical_path] == [None, None, task.pk]


@pytest.mark.full
def test_a_task_waits_for_no_agent_before_its_ticket_is_in_its_phase(went, ada, operator):
    """Its needs are met all the while, as those of past ones were."""

    def reviewed_later():
        ticket = went()
        [task] = Task.objects.add(ticket, [TaskSpec("do it", phase="REVIEW")], by=operator)
        return ticket, task

    def part(task):
        found = estimate(Ticket.objects.get(pk=task.ticket_id))
        return next(part.expected_s for part in found.critical_path if part.task == task.pk)

    for _ in range(3):
        went(("WORK", 1), ("REVIEW", 1), ("DONE", 1))
    for _ in range(5):
        past, task = reviewed_later()
        for phase in ("WORK", "REVIEW"):
            Ticket.objects.move(past.pk, phase, by=operator)
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
        took(task, 100, wait=5_000)
        with times_free():
            for number in range(3):
                moved_at(past, number, before(150))

    ticket, task = reviewed_later()
    assert part(task) == pytest.approx(150, abs=20)
    for phase in ("WORK", "REVIEW"):
        Ticket.objects.move(ticket.pk, phase, by=operator)
    Task.objects.filter(pk=task.pk).update(ready_at=before(5_000))
    assert part(task) == pytest.approx(150, abs=20)


def test_likely_by_lets_each_part_take_as_long_as_the_slowest_fifth(went):
    for length in (100, 200, 300, 400, 500):
        went(("WORK", 10), ("REVIEW", 10), ("DONE", length))

    found = estimate(went())

    assert (seconds(found), likely(found)) == (pytest.approx(320, abs=20), pytest.approx(440, abs=20))
