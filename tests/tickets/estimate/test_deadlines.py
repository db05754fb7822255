"""Deadlines: which tasks are overdue, and which are expected to be."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.management import call_command

from agents.api.view import written
from agents.models import Event
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tests.support.waits import store_waits
from tests.tickets.attention.conftest import listed
from tests.tickets.estimate.conftest import before
from tickets.models import Task, TaskSpec, Ticket
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query
from tickets.models.estimate.expected_late import START, look
from tickets.models.task import documents
from tickets.runtime.estimate_sweep import DeadlineSweep

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400


def tasks_of(answer):
    return [task["title"] for task in answer.json()["results"]]


def test_the_list_of_overdue_tasks(opened, ada, operator):
    ticket = opened(
        TaskSpec("held", deadline=before(50)),
        TaskSpec("to come", deadline=before(-50)),
        TaskSpec("none"),
        TaskSpec("ready", deadline=before(10)),
    )
    Task.objects.claim(by=ada)
    calls = api_of(operator)

    assert tasks_of(calls.get("/tasks", overdue="true")) == ["held", "ready"]
    assert tasks_of(calls.get("/tasks", overdue="true", project="OMO")) == ["held", "ready"]
    assert tasks_of(calls.get("/tasks", overdue="true", ticket=ticket.key)) == ["held", "ready"]
    assert tasks_of(calls.get("/tasks", overdue="true", state="claimed")) == ["held"]
    assert tasks_of(calls.get("/tasks", overdue="true", state="completed")) == []
    store_waits()
    assert tasks_of(calls.get("/tasks", overdue="true", waiting_on="agents")) == ["ready"]
    assert len(tasks_of(calls.get("/tasks", overdue="false"))) == 4
    assert calls.get("/tasks", overdue="perhaps").status_code == 422


def test_the_list_goes_on_where_it_was_while_tasks_change(opened, operator):
    """What ends or becomes overdue between two pages moves nothing else."""
    ticket = opened(*[TaskSpec(f"{number}", deadline=before(90 - number)) for number in range(7)])
    calls = api_of(operator)

    first = calls.get("/tasks", overdue="true", limit=3).json()
    ticket.tasks.filter(title__in=["1", "4"]).cancel(by=operator, reason="no")
    opened(TaskSpec("earlier", deadline=before(900)), TaskSpec("later", deadline=before(1)))
    rest = calls.get("/tasks", overdue="true", limit=200, cursor=first["next"]).json()

    assert [task["title"] for task in first["results"]] == ["0", "1", "2"]
    assert [task["title"] for task in rest["results"]] == ["3", "5", "6", "later"]
    assert rest["next"] is None


@pytest.mark.parametrize("place", ["17", "1 2 3", "1.5 2", "x 2", "-1 -2", "12345678901234567 1", "\u0661 1"])
def test_a_cursor_of_another_list_is_refused(opened, operator, place):
    opened(TaskSpec("passed", deadline=before(50)))
    calls = api_of(operator)
    assert calls.get("/tasks", overdue="true", cursor=written(place)).status_code == 400
    assert calls.get("/tasks", overdue="true", cursor=written("-9999999999999999 1")).status_code == 200
    assert calls.get("/tasks", cursor=written("1 2")).status_code == 400


def test_others_see_no_overdue_task_of_the_project(opened, django_user_model):
    opened(TaskSpec("passed", deadline=before(50)))
    mallory = django_user_model.objects.create_user("mallory")

    assert tasks_of(api_of(mallory).get("/tasks", overdue="true")) == []
    assert api_of(mallory).get("/tasks", overdue="true", project="OMO").status_code == 404


def test_an_overdue_task_is_on_the_attention_list(opened, ada, operator):
    ticket = opened(TaskSpec("do it", deadline=before(3 * 3_600)))
    task = ticket.tasks.get()

    [item] = api_of(operator).get("/attention", kind="overdue").json()["results"]
    assert (item["subject"], item["what"]) == (task.key, "its deadline passed 3 hours ago")
    Task.objects.claim(by=ada)
    [item] = api_of(operator).get("/attention", kind="overdue").json()["results"]
    assert item["what"] == "its deadline passed 3 hours ago; ada works on it"
    Ticket.objects.act(ticket.pk, "pause", by=operator, reason="later")
    assert listed(operator, kinds=["overdue"]) == []
    Ticket.objects.act(ticket.pk, "resume", by=operator)
    Task.objects.filter(pk=task.pk).cancel(by=operator, reason="no")
    assert listed(operator, kinds=["overdue"]) == []


@pytest.mark.parametrize(
    ("text", "late"),
    [
        ("1970-01-01T00:00:00Z", True),
        ("2024-02-29T23:59:59+14:00", True),
        ("2096-02-29T00:00:00-12:00", False),
        ("2199-12-31T23:59:59-12:00", False),
    ],
)
def test_a_deadline_of_any_year_is_listed_explained_and_swept(worked, opened, operator, text, late):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    calls = api_of(operator)

    assert calls.patch(f"/tasks/{task.pk}", {"deadline": text}).status_code == 200
    DeadlineSweep()()

    assert task.pk == Task.objects.get(deadline=datetime.fromisoformat(text)).pk
    assert tasks_of(calls.get("/tasks", overdue="true")) == ["do it"] * late
    assert len(calls.get(f"/tickets/{ticket.key}/estimate").json()["late"]) == late
    assert len(calls.get(f"/tasks/{task.pk}/explain").json()["late"]) == late
    assert listed(operator, kinds=["overdue"]) == [("overdue", task.key)] * late
    assert calls.patch(f"/tasks/{task.pk}", {"deadline": None}).status_code == 200
    assert tasks_of(calls.get("/tasks", overdue="true")) == []
    assert listed(operator, kinds=["overdue", "expected_late"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31T09:00:00",
        "2027-02-29T09:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "1" * 500,
        0,
    ],
)
def test_no_deadline_that_cannot_be_kept(opened, operator, text):
    [task] = opened(TaskSpec("do it")).tasks.all()

    assert api_of(operator).patch(f"/tasks/{task.pk}", {"deadline": text}).status_code == 422
    assert Task.objects.get(pk=task.pk).deadline is None


def test_of_two_deadlines_set_at_once_the_later_act_holds(opened, operator):
    [task] = opened(TaskSpec("do it")).tasks.all()
    first, second = before(-DAY), before(-2 * DAY)
    with meanwhile(lambda: Task.objects.edit(task.pk, by=operator, deadline=second)):
        Task.objects.edit(task.pk, by=operator, deadline=first)

    task.refresh_from_db()
    assert task.deadline == second
    assert Event.objects.filter(kind="task.edited").count() == 2


def test_a_task_that_is_expected_after_its_deadline_is_on_the_list(worked, opened, operator):
    worked(*[3 * DAY] * 5)
    ticket = opened(
        TaskSpec("late", deadline=before(-DAY - 60)), TaskSpec("in time", deadline=before(-9 * DAY))
    )
    late, _ = ticket.tasks.order_by("id")

    assert listed(operator, kinds=["expected_late"]) == []
    DeadlineSweep()()

    [item] = api_of(operator).get("/attention", kind="expected_late").json()["results"]
    assert item["subject"] == late.key
    assert item["what"].startswith("it is expected 1 day after its deadline, which is in 1 day")
    assert listed(operator, kinds=["overdue"]) == []


def test_an_explanation_says_what_is_late(worked, opened, operator, capsys):
    worked(*[3 * DAY] * 5)
    ticket = opened(
        TaskSpec("late", deadline=before(-DAY - 60)),
        TaskSpec("overdue", deadline=before(3 * 3_600)),
        TaskSpec("in time", deadline=before(-9 * DAY)),
        TaskSpec("without"),
    )
    late, overdue, *_ = ticket.tasks.order_by("id")
    calls = api_of(operator)
    DeadlineSweep()()

    told = {task.title: calls.get(f"/tasks/{task.pk}/explain").json()["late"] for task in ticket.tasks.all()}
    assert told["late"][0].startswith("it is expected 1 day after its deadline, which is in 1 day")
    assert told["overdue"] == ["its deadline passed 3 hours ago"]
    assert told["in time"] == told["without"] == []
    assert calls.get(f"/tickets/{ticket.key}/explain").json()["late"] == [
        f"{overdue.key}: its deadline passed 3 hours ago",
        f"{late.key}: {told['late'][0]}",
    ]
    call_command("explain", overdue.key)
    assert "Late: its deadline passed 3 hours ago.\n" in capsys.readouterr().out
    Task.objects.filter(pk=overdue.pk).cancel(by=operator, reason="no")
    assert calls.get(f"/tasks/{overdue.pk}/explain").json()["late"] == []


def test_of_a_ticket_the_20_tasks_with_the_earliest_deadlines_are_said(opened, operator):
    ticket = opened(
        *[TaskSpec(f"in time {n}") for n in range(25)],
        *[TaskSpec(f"late {n}", deadline=before(3_600 * (n + 1))) for n in range(24)],
    )

    said = Ticket.objects.explanation(ticket)["late"]

    keys = [task.key for task in ticket.tasks.exclude(deadline=None).order_by("deadline")]
    assert [sentence.partition(":")[0] for sentence in said] == keys[:20]
    assert said[0].endswith("its deadline passed 1 day ago")


def test_it_leaves_the_list_when_it_is_expected_in_time_again(worked, opened, operator):
    worked(*[3 * DAY] * 5)
    ticket = opened(TaskSpec("late", deadline=before(-DAY)))
    [task] = ticket.tasks.all()
    sweep = DeadlineSweep()
    sweep()
    assert listed(operator, kinds=["expected_late"]) == [("expected_late", task.key)]

    Task.objects.edit(task.pk, by=operator, deadline=before(-9 * DAY))

    assert listed(operator, kinds=["expected_late"]) == []
    sweep()
    assert Task.objects.filter(late_since__isnull=False).count() == 0


def test_once_its_deadline_has_passed_it_is_overdue_and_no_longer_expected_late(worked, opened, operator):
    worked(*[3 * DAY] * 5)
    ticket = opened(TaskSpec("late", deadline=before(-DAY)))
    DeadlineSweep()()

    Task.objects.filter(ticket=ticket).update(deadline=before(5))

    assert [kind for kind, _ in listed(operator)] == ["overdue"]


def test_what_became_overdue_is_no_longer_noted_as_expected_late(worked, opened):
    worked(*[3 * DAY] * 5)
    ticket = opened(TaskSpec("late", deadline=before(-DAY)))
    alone = opened(TaskSpec("late", deadline=before(-DAY)), TaskSpec("other", deadline=before(-DAY - 60)))
    sweep = DeadlineSweep()
    sweep()
    assert Task.objects.filter(late_since__isnull=False).count() == 3
    Task.objects.filter(title="late").update(deadline=before(5))

    sweep()

    assert not ticket.tasks.filter(late_since__isnull=False).exists()
    assert [task.title for task in alone.tasks.filter(late_since__isnull=False)] == ["other"]


def test_a_turn_that_took_long_begins_no_other_estimate(worked, opened):
    worked(*[3 * DAY] * 5)
    for number in range(3):
        opened(*[TaskSpec("late", deadline=before(-DAY - number))] * 2)
    place, late = START, []
    while True:
        place = look(place, limit=50, span_s=0.0)
        late.append(Task.objects.filter(late_since__isnull=False).count())
        if place == START:
            break
    assert late == [2, 4, 6]


def test_a_time_that_changes_little_is_not_written_again(worked, opened):
    worked(*[3 * DAY] * 5)
    ticket = opened(TaskSpec("late", deadline=before(-DAY)))
    sweep = DeadlineSweep()
    sweep()
    first = ticket.tasks.get().expected_at

    sweep()

    assert ticket.tasks.get().expected_at == first


def test_the_sweep_goes_round_all_projects_a_few_tasks_at_a_time(worked, opened):
    worked(*[3 * DAY] * 5)
    opened(*[TaskSpec("passed", deadline=before(50))] * 3)
    tickets = [opened(TaskSpec("late", deadline=before(-DAY - number))) for number in range(3)]
    place, turns = START, 0
    while True:
        place, turns = look(place, limit=2, span_s=60), turns + 1
        if place == START:
            break

    assert turns == 4
    assert Task.objects.filter(late_since__isnull=False).count() == len(tickets)


def test_a_task_that_somebody_else_has_locked_does_not_hold_the_sweep_up(worked, opened):
    worked(*[3 * DAY] * 5)
    ticket = opened(TaskSpec("late", deadline=before(-DAY)))
    with meanwhile(DeadlineSweep(), waits=False):
        Task.objects.select_for_update().get(ticket=ticket)

    assert ticket.tasks.get().late_since is None
    DeadlineSweep()()
    assert ticket.tasks.get().late_since


@pytest.mark.full
@pytest.mark.parametrize("kind", ["overdue", "expected_late"])
def test_the_attention_list_costs_the_same_for_any_backlog(opened, operator, kind):
    counts = []
    for number in (10, 2_000):
        opened(*[TaskSpec("x", deadline=before(-9 * DAY))] * number)
        vacuum()
        with costs() as found:
            attention_list.page(Query(kinds=[kind]), by=operator, limit=50)
            attention_list.count(Query(kinds=[kind]), by=operator)
        counts.append(sum(each.buffers for each in found))
    assert counts[1] <= counts[0] + 8, counts


@pytest.mark.full
def test_what_was_once_expected_late_costs_the_list_nothing(opened, operator):
    """Nor do the many that are in time."""
    counts = []
    for number in (10, 2_000):
        ticket = opened(*[TaskSpec("x", deadline=before(-DAY))] * number)
        ticket.tasks.update(late_since=before(DAY), expected_at=before(-2 * DAY))
        ticket.tasks.all().cancel(by=operator, reason="no")
        opened(*[TaskSpec("x", deadline=before(-9 * DAY))] * number)
        vacuum()
        with costs() as found:
            attention_list.page(Query(kinds=["expected_late"]), by=operator, limit=50)
        counts.append(sum(each.buffers for each in found))
    assert counts[1] <= counts[0] + 8, counts


@pytest.mark.full
def test_the_list_of_overdue_tasks_reads_only_those(opened, operator):
    counts = []
    opened(*[TaskSpec("passed", deadline=before(50))] * 5)
    for number in (10, 2_000):
        opened(*[TaskSpec("x", deadline=before(-9 * DAY))] * number)
        vacuum()
        with costs() as found:
            page = Task.objects.page_json(documents.TaskQuery(overdue=True), by=operator, limit=50)
        counts.append(sum(each.buffers for each in found))
    assert page.results.count('"passed"') == 5
    assert counts[1] <= counts[0] + 20, counts
