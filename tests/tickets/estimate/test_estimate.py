"""When a ticket will be done, from histories with known times."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Member, Project
from omoi_site.errors import NotFound
from tests.factories import complete, fail
from tests.support.api_client import api_of
from tests.tickets.estimate.conftest import before, claimed_before, ready_before, took
from tickets.models import Edge, Freeze, Need, OperationSpec, Task, TaskSpec, Ticket
from tickets.models.estimate import estimate as module
from tickets.models.estimate import open_work, samples
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def estimate(ticket):
    return module.estimate(Ticket.objects.select_related("project", "workflow").get(pk=ticket.pk))


def seconds(found):
    return round((found.expected_at - found.made_at).total_seconds())


def likely(found):
    return round((found.likely_by - found.made_at).total_seconds())


def test_over_rest_a_ticket_with_one_phase(worked, opened, operator):
    worked(100, 200, 300, 400, 500, wait=10)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()

    answer = api_of(operator).get(f"/tickets/{ticket.key}/estimate").json()

    [part] = answer["critical_path"]
    assert (part["task"], part["title"], part["phase"]) == (str(task.pk), "do it", "WORK")
    assert (part["group"], part["samples"]) == ("title", 5)
    assert part["expected_s"] == pytest.approx(310, abs=20)
    assert (answer["unknown"], answer["late"], answer["calibrated"]) == ([], [], False)
    assert answer["made_at"] < answer["expected_at"] < answer["likely_by"]


def test_the_chain_that_takes_longest_decides(project, worked, opened, operator):
    worked(*[100] * 5, title="build")
    worked(*[1000] * 5, title="check")
    worked(*[50] * 5, title="publish")
    ticket = opened(TaskSpec("build"), TaskSpec("check"), TaskSpec("publish"))
    build, check, publish = ticket.tasks.order_by("id")
    Need.objects.add(project.pk, [Edge(build.pk, publish.pk), Edge(check.pk, publish.pk)], by=operator)

    found = estimate(ticket)

    assert [part.task for part in found.critical_path] == [check.pk, publish.pk]
    assert seconds(found) == pytest.approx(1050, abs=20)


def test_a_running_task_has_left_what_those_took_that_lasted_longer(worked, opened, ada):
    worked(100, 200, 300, 400, 500)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    Task.objects.claim(by=ada)

    for begun, left in ((0, 300), (250, 150), (450, 50)):
        claimed_before(task, begun)
        assert seconds(estimate(ticket)) == pytest.approx(left, abs=20)


def test_a_running_task_that_lasts_longer_than_all_is_about_to_end(worked, opened, ada):
    worked(100, 200, 300, 400, 500)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    Task.objects.claim(by=ada)
    claimed_before(task, 9_000)

    found = estimate(ticket)

    assert seconds(found) == 0
    assert any(f"{task.key} has already taken longer" in sentence for sentence in found.assumes)


@pytest.mark.django_db(transaction=True)
def test_a_ready_task_has_waited_for_a_part_of_its_wait(worked, opened):
    worked(*[100] * 5, wait=60)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    ready_before(task, 40)

    assert seconds(estimate(ticket)) == pytest.approx(120, abs=20)


@pytest.mark.django_db(transaction=True)
def test_a_task_that_waits_longer_than_all_is_about_to_begin(worked, opened):
    worked(*[100] * 5, wait=60)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    assert not any("waited longer" in sentence for sentence in estimate(ticket).assumes)
    ready_before(task, 9_000)

    found = estimate(ticket)

    assert seconds(found) == pytest.approx(100, abs=20)
    assert any(f"{task.key} has already waited longer" in sentence for sentence in found.assumes)


def test_80_of_100_take_at_most_this(worked, opened):
    worked(100, 200, 300, 400, 500)
    ticket = opened(TaskSpec("do it"))

    found = estimate(ticket)

    assert (seconds(found), likely(found)) == (pytest.approx(300, abs=20), pytest.approx(420, abs=20))


def test_the_narrowest_group_with_five_samples_counts(worked, opened, ada):
    ada.capabilities = ["python"]
    ada.save()
    worked(*[100] * 5, title="Build part 7 of OMO-1")
    worked(*[200] * 5, kind="review", title="other")
    worked(*[300] * 5, capabilities=["python"], title="Port it")
    worked(*[900] * 4, title="Rare")

    def group(**spec):
        [part] = estimate(opened(TaskSpec(**spec))).critical_path
        return part.group, part.samples

    assert group(title="Build part 12 of OMO-99") == ("title", 5)
    assert group(title="Rare") == ("kind", 9)
    assert group(title="new", kind="unseen") == ("capabilities", 14)
    assert group(title="new", capabilities=["cobol"]) == ("phase", 19)


def test_the_title_of_the_ticket_is_no_difference(worked, opened, operator, project, ada, flow):
    worked(*[100] * 5, title="something else")
    for number in range(5):
        ticket = opened(TaskSpec(f"Design Feature {'abcde'[number]}"), title=f"Feature {'abcde'[number]}")
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
        took(ticket.tasks.get(), 700)

    found = estimate(opened(TaskSpec("Design Refunds"), title="Refunds"))

    assert (found.critical_path[0].group, seconds(found)) == ("title", pytest.approx(700, abs=20))


def test_too_few_samples_count_but_say_how_few(worked, opened):
    worked(100, 300)

    [part] = estimate(opened(TaskSpec("do it"))).critical_path

    assert (part.group, part.samples, round(part.expected_s)) == ("project", 2, 200)


def test_without_samples_there_is_no_figure(opened):
    ticket = opened(TaskSpec("do it"))

    found = estimate(ticket)

    assert (found.expected_at, found.likely_by, found.critical_path) == (None, None, ())
    assert found.unknown == [
        f"No work of this kind has been completed in the project yet: {ticket.tasks.get().key}"
    ]


def test_only_the_newest_work_counts(worked, opened, monkeypatch):
    monkeypatch.setattr(samples, "NEWEST", 5)
    worked(*[10] * 5, ago=9_000)
    worked(*[500] * 5, ago=10)

    assert seconds(estimate(opened(TaskSpec("do it")))) == pytest.approx(500, abs=20)


def test_work_that_failed_or_was_imported_as_done_is_no_sample(worked, opened, ada):
    ticket = opened(TaskSpec("do it", max_attempts=1))
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")
    assert ticket.tasks.get().state == "failed"

    assert estimate(opened(TaskSpec("do it"))).unknown


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda t, by: Ticket.objects.act(t.pk, "pause", by=by, reason="later"), "paused: resume it"),
        (lambda t, by: Ticket.objects.act(t.pk, "archive", by=by), "archived: restore it"),
        (
            lambda t, by: Ticket.objects.move(t.pk, "BLOCKED", by=by, reason="x", cause="environment"),
            "It is blocked",
        ),
        (lambda t, by: Ticket.objects.move(t.pk, "CANCELLED", by=by, reason="x"), "It has ended"),
        (
            lambda t, by: Project.objects.act(t.project_id, "pause", by=by, reason="x"),
            "project OMO is paused",
        ),
        (lambda t, by: Freeze.objects.freeze(by=by, reason="stop it"), "frozen"),
    ],
    ids=["paused", "archived", "blocked", "cancelled", "project paused", "frozen"],
)
def test_what_somebody_stopped_has_no_figure(worked, opened, operator, act, says):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))
    act(ticket, operator)

    found = estimate(ticket)

    assert found.expected_at is None
    assert any(says in sentence for sentence in found.unknown), found.unknown


def test_a_task_that_can_no_longer_go_on_has_no_figure(project, worked, opened, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"), TaskSpec("then"))
    first, then = ticket.tasks.order_by("id")
    Need.objects.add(project.pk, [Edge(first.pk, then.pk)], by=operator)
    Task.objects.filter(pk=first.pk).cancel(by=operator, reason="no", dependants="keep")

    [why] = estimate(ticket).unknown

    assert why.startswith(f"{then.key} can no longer go on")


def test_a_failed_task_keeps_the_ticket_in_its_phase(worked, opened, ada):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it", max_attempts=1, priority=0), TaskSpec("do it"))
    failed = ticket.tasks.order_by("id").first()
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")

    [why] = estimate(ticket).unknown

    assert why.startswith(f"{failed.key} failed, so that it does not move on by itself")


def test_a_phase_that_is_paused_gives_no_figure(worked, opened, project, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))
    with Project.objects.locked(pk=project.pk) as row:
        row.pause_phase(phase="WORK", by=operator, reason="later")

    assert estimate(ticket).unknown == ["Work is paused in OMO, where it has open tasks: resume it first"]


def test_what_runs_only_after_a_failure_is_not_counted(project, worked, opened, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"), TaskSpec("clean up"))
    first, repair = ticket.tasks.order_by("id")
    Need.objects.add(project.pk, [Edge(first.pk, repair.pk, when="failure")], by=operator)

    found = estimate(ticket)

    assert seconds(found) == pytest.approx(100, abs=20)
    assert any(f"{repair.key} would only be done if" in sentence for sentence in found.assumes)


def test_work_of_another_ticket_that_it_waits_for_counts(project, worked, opened, operator):
    worked(*[100] * 5)
    other, ticket = opened(TaskSpec("do it"), TaskSpec("do it")), opened(TaskSpec("do it"))
    far, near = other.tasks.order_by("id")
    [own] = ticket.tasks.all()
    Need.objects.add(project.pk, [Edge(far.pk, near.pk), Edge(near.pk, own.pk)], by=operator)

    found = estimate(ticket)

    assert [part.task for part in found.critical_path] == [far.pk, near.pk, own.pk]
    assert seconds(found) == pytest.approx(300, abs=20)


def test_a_task_is_not_begun_before_it_is_due(worked, opened):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it", not_before=before(-5_000)))

    assert seconds(estimate(ticket)) == pytest.approx(5_100, abs=20)


def test_a_task_that_has_begun_waits_for_no_time(worked, opened, ada, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    Task.objects.claim(by=ada)
    Task.objects.edit(task.pk, by=operator, not_before=before(-5_000))

    assert seconds(estimate(ticket)) == pytest.approx(100, abs=20)


def test_an_operation_takes_no_time(worked, opened, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))
    [task] = ticket.tasks.all()
    sync = TaskSpec("all", needs=[NeedSpec(task.pk)], coordination=OperationSpec("sync"))
    [all_of_it] = Task.objects.add(ticket, [sync], by=operator)

    found = estimate(ticket)

    assert seconds(found) == pytest.approx(100, abs=20)
    assert found.critical_path[-1].task in (task.pk, all_of_it.pk)


def test_a_task_expected_after_its_deadline_is_named(worked, opened):
    worked(*[100] * 5)
    ticket = opened(
        TaskSpec("do it", deadline=before(-50)), TaskSpec("do it", deadline=before(-9_000)), TaskSpec("do it")
    )
    late, *_ = ticket.tasks.order_by("id")

    [found] = estimate(ticket).late

    assert (found.key, found.deadline) == (late.key, late.deadline)


def test_a_late_task_is_named_even_where_the_ticket_has_no_time(project, worked, opened, operator):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it", deadline=before(-50)), TaskSpec("first"), TaskSpec("then"))
    late, first, then = ticket.tasks.order_by("id")
    Need.objects.add(project.pk, [Edge(first.pk, then.pk)], by=operator)
    Task.objects.filter(pk=first.pk).cancel(by=operator, reason="no", dependants="keep")

    found = estimate(ticket)

    assert (found.expected_at, [each.task for each in found.late]) == (None, [late.pk])
    assert found.unknown[0].startswith(f"{then.key} can no longer go on")


def test_too_many_open_tasks_are_said(worked, opened, monkeypatch):
    monkeypatch.setattr(open_work, "MOST_TASKS", 3)
    worked(*[100] * 5)

    assert "More than 3 open tasks" in estimate(opened(*[TaskSpec("do it")] * 4)).unknown[0]
    assert not estimate(opened(*[TaskSpec("do it")] * 3)).unknown


def test_a_viewer_sees_it_and_a_stranger_does_not(worked, opened, project, django_user_model):
    ticket = opened(TaskSpec("do it"))
    vera, mallory = (django_user_model.objects.create_user(name) for name in ("vera", "mallory"))
    Member.objects.create(project=project, user=vera, role="viewer")

    assert api_of(vera).get(f"/tickets/{ticket.key}/estimate").status_code == 200
    assert api_of(mallory).get(f"/tickets/{ticket.key}/estimate").status_code == 404
    for key in ("NONE-1", "x" * 500, "%00", "OMO-999999999999"):
        assert api_of(vera).get(f"/tickets/{key}/estimate").status_code == 404


def test_the_command_says_it(worked, opened, operator, capsys):
    worked(*[100] * 5)
    ticket = opened(TaskSpec("do it"))

    call_command("tickets", "estimate", ticket.key)
    words = capsys.readouterr().out
    call_command("tickets", "estimate", ticket.key, "--json")
    document = json.loads(capsys.readouterr().out)

    assert words.startswith(f"{ticket.key} is expected to be done in 1 minute, and 80 of 100")
    assert f"- {ticket.tasks.get().key} do it: 1 minute, from 5 samples" in words
    assert document["critical_path"][0]["samples"] == 5
    stuck = opened(TaskSpec("do it"), title="Stuck")
    Ticket.objects.act(stuck.pk, "pause", by=operator, reason="later")
    call_command("tickets", "estimate", stuck.key)
    assert "cannot be said:\n- It is paused: resume it first.\n" in capsys.readouterr().out
    with pytest.raises(NotFound):
        call_command("tickets", "estimate", "NONE-1")
