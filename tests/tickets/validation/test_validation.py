"""Failed validations: each makes a fix and waits for it; the third of the same kind ends it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from agents.models import Event
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, fail
from tests.support.api_client import api_of
from tests.tickets.attention.conftest import do, listed, only
from tickets.models import Edge, Need, Outcome, Task, TaskSpec, Ticket, TicketSpec, Validation, Workflow
from tickets.models.task.recheck import WRONG_NEEDS

pytestmark = pytest.mark.django_db


def fail_validation(agent, error):
    [claim] = Task.objects.claim(by=agent)
    fail(claim, by=agent, error=error, kind="validation")
    return Task.objects.get(pk=claim.task)


def fix(agent):
    [claim] = Task.objects.claim(by=agent)
    assert claim.kind == "fix"
    complete(claim, by=agent)
    return Task.objects.get(pk=claim.task)


def last_fix():
    return Validation.objects.latest("pk").fix


def test_a_failed_validation_makes_a_fix_and_is_checked_again_after_it(task, ada):
    failed = fail_validation(ada, "2 of 7 tests fail")

    found = Validation.objects.get()
    assert (failed.pk, failed.state, failed.is_ready, failed.open_needs) == (task.pk, "pending", False, 1)
    assert (found.fix.title, found.fix.kind, found.fix.priority_name, found.fix.phase) == (
        "Fix: Write the endpoint",
        "fix",
        "high",
        "DOING",
    )
    assert found.fix.description == f"{task.key} failed: 2 of 7 tests fail"

    assert fix(ada) == found.fix

    [again] = Task.objects.claim(by=ada)
    assert (again.task, again.attempt) == (task.pk, 1)
    complete(again, by=ada)
    assert Task.objects.get(pk=task.pk).state == "completed"
    kinds = list(
        Event.objects.filter(subject=f"task:{task.pk}").order_by("number").values_list("kind", flat=True)
    )
    assert kinds[1:] == [
        "task.claimed",
        "task.retried",
        "need.added",
        "validation.failed",
        "task.readied",
        "task.claimed",
        "task.completed",
    ]


def test_the_third_equal_failure_ends_it_and_asks_a_person(task, ada, operator):
    for seconds in (1, 2):
        assert fail_validation(ada, f"test_sum failed after {seconds} s").state == "pending"
        fix(ada)

    ended = fail_validation(ada, "test_sum failed after 3 s")

    assert (ended.state, ended.failure) == ("failed", "validation_repeated")
    assert [each.fix is None for each in Validation.objects.all()] == [False, False, True]
    item = only(operator)
    assert (item["kind"], item["task"]) == ("task_failed", str(task.pk))
    assert item["what"] == "it failed validation three times in the same way: test_sum failed after 3 s"
    told = api_of(operator).get(f"/tasks/{task.pk}/explain").json()
    assert (told["waiting_on"], [cause["code"] for cause in told["causes"]]) == ("operator", ["validation"])
    assert told["causes"][0]["what"] == item["what"]


def test_failures_of_other_kinds_do_not_end_it_before_the_eleventh(task, ada):
    for place in range(10):
        assert fail_validation(ada, f"{'abcdefghij'[place]} is missing").state == "pending"
        fix(ada)
    ended = fail_validation(ada, "k is missing")
    assert (ended.state, ended.failure) == ("failed", "validation_rounds")
    assert Validation.objects.exclude(fix=None).count() == 10


def test_a_retry_of_a_person_begins_anew(task, ada, operator):
    for _ in range(2):
        fail_validation(ada, "broken")
        fix(ada)
    fail_validation(ada, "broken")
    Task.objects.act(task.pk, "retry", by=operator, reason="the cause is gone")

    again = fail_validation(ada, "broken")

    assert (again.state, again.failure) == ("pending", "")
    assert list(Validation.objects.filter(counted=True).values_list("number", flat=True)) == [1]
    assert Validation.objects.count() == 4


def test_a_validation_may_fail_more_often_than_a_task_may_be_tried(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("Check it", max_attempts=1)], by=operator)
    assert fail_validation(ada, "a").state == "pending"
    fix(ada)
    assert fail_validation(ada, "b").state == "pending"


def test_what_waits_for_it_goes_on_waiting_and_no_gate_counts_a_failure(task, ticket, ada, operator):
    [after] = Task.objects.add(ticket, [TaskSpec("Ship it")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, after.pk, on_failure="cancel")], by=operator)

    fail_validation(ada, "broken")
    after.refresh_from_db()
    assert (after.state, after.unsatisfiable, after.is_ready) == ("pending", False, False)
    fix(ada)
    complete(Task.objects.claim(by=ada)[0], by=ada)

    after.refresh_from_db()
    assert after.is_ready
    assert not ticket.tasks.filter(state="failed").exists()
    assert sql.rows(WRONG_NEEDS, {"after": 0, "upto": 2**62, "ids": None}) == []


def test_a_fix_that_fails_holds_the_check_and_asks(task, ada, operator):
    fail_validation(ada, "broken")
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error="cannot", kind="permanent")

    held = Task.objects.get(pk=task.pk)
    assert (held.state, held.unsatisfiable) == ("pending", True)
    assert only(operator)["task"] == str(claim.task)
    told = api_of(operator).get(f"/tasks/{task.pk}/explain").json()
    assert f"{last_fix().key} failed" in told["causes"][0]["what"]

    Task.objects.act(claim.task, "retry", by=operator, reason="again")
    fix(ada)
    assert Task.objects.get(pk=task.pk).is_ready


def test_a_fix_that_is_cancelled_holds_the_check_until_its_need_is_removed(task, ada, operator):
    fail_validation(ada, "broken")
    Task.objects.act(last_fix().pk, "cancel", by=operator, reason="it was no fault")
    held = Task.objects.get(pk=task.pk)
    assert (held.state, held.unsatisfiable, held.is_ready) == ("pending", True, False)
    item = only(operator)
    assert (item["kind"], item["task"], item["who"]) == ("cannot_go_on", str(task.pk), "operator")
    assert item["what"] == (
        f"it waits for {last_fix().key} (Fix: Write the endpoint), which is cancelled:"
        " retry that task, or remove the need"
    )
    assert do(item["act"], by=operator).json()["causes"]
    Need.objects.remove(Need.objects.get(child=task), by=operator)
    assert Task.objects.get(pk=task.pk).is_ready
    assert listed(operator) == []


def test_a_check_whose_fix_failed_is_asked_about_once(task, ada, operator):
    fail_validation(ada, "broken")
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")
    assert listed(operator) == [("task_failed", last_fix().key)]


def test_a_fix_may_fail_validation_itself(task, ada):
    fail_validation(ada, "broken")
    assert fail_validation(ada, "still broken").kind == "fix"
    assert last_fix().title == "Fix: Fix: Write the endpoint"
    for _ in range(3):  # the fix of the fix, the fix, the task
        complete(Task.objects.claim(by=ada)[0], by=ada)
    assert Task.objects.get(pk=task.pk).state == "completed"


def test_a_repeated_report_makes_one_fix(task, ada):
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="validation")
    [again] = Task.objects.settle(
        [Outcome(claim.task, claim.fence, "failed", error="broken", kind="validation")], by=ada
    )
    assert (again.repeated, again.state) == (True, "pending")
    assert (Validation.objects.count(), Task.objects.filter(kind="fix").count()) == (1, 1)


def test_a_fix_is_for_whom_the_task_was_but_never_for_its_profile(ticket, ada, operator):
    Task.objects.add(
        ticket,
        [TaskSpec("Test it", capabilities=["python"], profile="echo", slots={"text": "x"}, priority=0)],
        by=operator,
    )
    type(ada).objects.filter(pk=ada.pk).update(runs_profiles=True, capabilities=["python"])
    ada.refresh_from_db()
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="validation")
    made = last_fix()
    assert (made.profile, made.slots, made.capabilities, made.priority_name) == (
        "",
        {},
        ["python"],
        "critical",
    )


def test_secrets_in_an_error_reach_no_other_task(task, ada):
    token = "ghp_" + "a1B2" * 9
    fail_validation(ada, f"push with {token} refused")
    found = Validation.objects.get()
    assert token not in found.error + found.fix.description
    assert "[redacted]" in found.fix.description


@pytest.mark.parametrize("error", ["", "x" * 20_000, "\u200b", "Ünïcödé ✗ \U0001f600", "{task} {ticket}"])
def test_any_error_is_taken(task, ada, error):
    assert fail_validation(ada, error).state == "pending"
    assert last_fix().title == "Fix: Write the endpoint"


def described(project, operator, **fix_rule):
    document = {
        "name": "described",
        "phases": [{"name": "MAKE", "to": ["OUT"], "fix": fix_rule}, {"name": "OUT", "to": []}],
    }
    workflow = allow_workflow(project, Workflow.objects.install(document))
    spec = TicketSpec("Pay", workflow=workflow, tasks=[TaskSpec("Test it")])
    return Ticket.objects.open(project, spec, by=operator)


def test_the_workflow_describes_the_fix_of_a_phase(project, ada, operator):
    ticket = described(
        project,
        operator,
        title="{ticket}: repair what {task} found",
        description="Work in {phase}.",
        kind="repair",
        priority="low",
        capabilities=["rust"],
    )
    fail_validation(ada, "broken")
    made = last_fix()
    assert (made.title, made.kind, made.priority_name, made.capabilities) == (
        f"{ticket.key}: repair what Test it found",
        "repair",
        "low",
        ["rust"],
    )
    assert made.description.startswith("Work in MAKE.\n\n")
    assert made.description.endswith("failed: broken")


def test_a_fix_that_cannot_be_added_gives_way_to_the_usual_one_and_says_why(project, ada, operator):
    described(project, operator, profile="echo", slots={"text": "{task}"})
    project.profiles = []
    project.save()
    assert fail_validation(ada, "broken").state == "pending"
    made = last_fix()
    assert (made.title, made.profile) == ("Fix: Test it", "")
    assert "may not use the profile echo" in made.description


def test_nothing_is_fixed_in_a_phase_that_the_ticket_has_left(task, ticket, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.filter(pk=task.pk).update(phase="TODO")  # no door leaves a claim in a phase that was left

    settled = fail(claim, by=ada, kind="validation")

    assert settled.state == "failed"
    assert Task.objects.get(pk=task.pk).failure == ""
    assert Validation.objects.get().fix is None


def test_the_database_keeps_failed_validations(task, ada):
    fail_validation(ada, "broken")
    for change in ("error = 'x'", "fix_id = NULL", "signature = 'x', counted = false"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.rows(f"UPDATE tickets_validation SET {change}")


def test_the_page_links_the_fix_and_what_it_puts_right(task, ticket, ada, operator, client):
    fail_validation(ada, "<b>broken</b>")
    client.force_login(operator)
    text = " ".join(client.get(f"/tickets/{ticket.key}/?view=list").content.decode().split())
    assert f'puts <a class="key" href="#task-{task.pk}" >{task.key}</a> right' in text
    assert "failed validation once (fix: <a" in text
    assert f'href="#task-{last_fix().pk}" >{last_fix().key}</a>' in text


def test_rest_lists_what_failed_and_what_puts_it_right(task, ada, operator):
    fail_validation(ada, "broken")
    [found] = api_of(operator).get(f"/tasks/{task.pk}/validations").json()["results"]
    assert (found["number"], found["error"], found["fix"], found["counted"]) == (
        1,
        "broken",
        str(last_fix().pk),
        True,
    )
    assert api_of(operator).get("/tasks/999/validations").status_code == 404
