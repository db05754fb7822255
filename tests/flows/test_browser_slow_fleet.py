"""Tasks, schedules, projects, the palette and the account on a slow line that loses answers: what was typed
stays, and what was pressed twice is done once.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Project, SavedView
from tests.factories import fail
from tests.support.slow_proxy import SLOW_MS, behind
from tests.support.wait import until
from tests.tickets.schedule.conftest import template  # noqa: F401
from tickets.models import BulkAct, Schedule, Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

NO_ANSWER = "nothing is done twice"
LINES = pytest.mark.parametrize("latency", [200, 1_000])  # ms


@pytest.fixture
def failed(ticket, ada, operator):
    """Two tasks that failed for good."""
    tasks = Task.objects.add(ticket, [TaskSpec(f"Task {n}", max_attempts=1) for n in range(2)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=2):
        fail(claim, by=ada, error="The sandbox is gone")
    return tasks


def lose(line, page, press):
    """Press it while answers to acts are lost."""
    line.lose_acts(True)
    press()
    expect(page.locator("#toast")).to_contain_text(NO_ANSWER, timeout=SLOW_MS)
    line.lose_acts(False)


@LINES
def test_a_bulk_act_whose_answers_are_lost_is_done_once(window, failed, latency):
    shown, line = behind(window(), latency)
    page = shown.live("/tasks/?status=failed")
    for task in failed:
        page.locator(f"#task-{task.pk}").check()
    retry = page.locator("#bulk-retry")
    lose(line, page, retry.dblclick)
    expect(page.locator("#chosen-number")).to_have_text("2 chosen")
    retry.click()
    page.get_by_label("Why").fill("Mended", timeout=SLOW_MS)
    confirm = page.get_by_role("button", name="Retry 2 tasks")
    lose(line, page, confirm.click)
    expect(page.get_by_label("Why")).to_have_value("Mended")
    assert BulkAct.objects.filter(state="running").count() == 1

    confirm.dblclick()

    expect(page.locator("#bulk-title")).to_contain_text("retries 2 tasks", timeout=SLOW_MS)
    while BulkAct.objects.carry_on():
        pass
    expect(page.locator(".bulk-numbers")).to_contain_text("2 tasks retried.", timeout=SLOW_MS)
    assert list(BulkAct.objects.exclude(state="prepared").values_list("done", flat=True)) == [2]
    assert {task.retries for task in Task.objects.filter(pk__in=[task.pk for task in failed])} == {1}


@LINES
def test_an_act_on_the_page_of_a_task_is_done_once(window, failed, operator, latency):
    task = failed[0]
    shown, line = behind(window(), latency)
    page = shown.live(f"/tasks/{task.key}/")
    page.locator(f"#task-retry-{task.pk}").click()
    page.locator("#action-reason").fill("Mended", timeout=SLOW_MS)
    press = page.locator("#action-dialog [type=submit]")
    lose(line, page, press.dblclick)
    Task.objects.add(task.ticket, [TaskSpec("Another")], by=operator)
    expect(page.locator("#action-reason")).to_have_value("Mended")

    press.click()

    expect(page.locator("#action-dialog")).to_contain_text("This is done already", timeout=SLOW_MS)
    assert Task.objects.get(pk=task.pk).retries == 1


@LINES
def test_a_schedule_is_saved_and_run_once(window, template, latency):  # noqa: F811
    shown, line = behind(window(), latency)
    page = shown.go("/new-schedule/?project=OMO")
    page.locator("#field-cron").fill("0 3 * * 1")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview-title")).to_be_focused(timeout=SLOW_MS)
    save = page.get_by_role("button", name="Save")
    lose(line, page, save.dblclick)
    expect(page.locator("#field-cron")).to_have_value("0 3 * * 1")
    save.click()
    page.wait_for_url("**/schedules/*/", timeout=SLOW_MS)
    assert Schedule.objects.count() == 1
    page.wait_for_selector("#live[data-state=live]", timeout=SLOW_MS)

    run = page.get_by_role("button", name="Run now")
    lose(line, page, run.dblclick)
    until(line.quiet, 30)
    run.click()

    expect(page.locator(".message")).to_contain_text("OMO-1", timeout=SLOW_MS)
    until(line.quiet, 30)
    assert Ticket.objects.count() == 1


@LINES
def test_limits_of_a_project_are_what_was_typed(window, project, operator, latency):
    shown, line = behind(window(), latency)
    page = shown.live("/projects/OMO/")
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    page.locator("#project-name-field").fill("Payments")
    field = page.locator("#limit-max_agents")
    field.fill("3")
    save = page.get_by_role("button", name="Save limits")
    lose(line, page, save.dblclick)
    Project.objects.act(project.pk, "edit", by=operator, max_tickets=9)
    expect(field).to_have_value("3")

    save.click()

    expect(page.locator(".message").first).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("#project-name-field")).to_have_value("Payments")
    row = Project.objects.get(pk=project.pk)
    assert row.max_agents == 3


@LINES
def test_the_palette_takes_what_is_typed_before_it_has_an_answer(window, project, operator, latency):
    Ticket.objects.open(project, TicketSpec("Capture payments"), by=operator)
    Ticket.objects.open(project, TicketSpec("Refund payments"), by=operator)
    shown, _ = behind(window(), latency)
    page = shown.live("/tickets/OMO-1/")
    page.keyboard.press("Control+k")
    page.keyboard.type("refund")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=refund", timeout=SLOW_MS)
    page.go_back()
    page.wait_for_selector("#live[data-state=live]", timeout=SLOW_MS)
    page.keyboard.press("Control+k")
    page.keyboard.type("refund")
    expect(page.locator(".palette-heading").first).to_have_text("Tickets", timeout=SLOW_MS)
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/OMO-2/", timeout=SLOW_MS)
    page.wait_for_selector("#live[data-state=live]", timeout=SLOW_MS)
    page.keyboard.press("Control+k")
    page.keyboard.type("pause")
    page.keyboard.press("Enter")
    page.locator("#action-dialog [type=submit]").dblclick(timeout=SLOW_MS)
    expect(page.locator("#toast")).to_contain_text("OMO-2 is paused", timeout=SLOW_MS)


@LINES
def test_a_view_is_renamed_once_and_another_name_stays(window, operator, latency):
    first = SavedView.objects.keep("Mine", "/board/", "", by=operator)
    second = SavedView.objects.keep("Failed", "/board/", "state=failed", by=operator)
    shown, line = behind(window(), latency)
    page = shown.go("/account/")
    page.locator(f"#name-{second.pk}").fill("Failed ones")
    page.locator(f"#name-{first.pk}").fill("All of mine")
    rename = page.locator(f"form:has(#name-{first.pk})").get_by_role("button", name="Rename")
    lose(line, page, rename.dblclick)
    expect(page.locator(f"#name-{first.pk}")).to_have_value("All of mine")

    rename.click()

    expect(page.locator(".message").first).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(f"#name-{second.pk}")).to_have_value("Failed ones")
    names = sorted(SavedView.objects.values_list("name", flat=True))
    assert names == ["All of mine", "Failed"]
