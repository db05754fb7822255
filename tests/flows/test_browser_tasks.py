"""The pages of tasks in a browser: for everybody, live, by keyboard and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import complete, fail
from tests.support.browser import PHONE, WIDE
from tickets.models import BulkAct, Edge, Need, Task, TaskOutput, TaskSpec, WaitSweep
from tickets.models.output.task_output import NewOutput
from tickets.models.queue.task_filter import TaskFilter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]
LOOKS = [
    pytest.param("dark", PHONE, id="phone-dark"),
    pytest.param("light", PHONE, id="phone-light"),
    pytest.param("dark", WIDE, id="wide-dark"),
    pytest.param("light", WIDE, id="wide-light"),
]
PRINTED = (
    b"$ pytest -q\n\x1b[32m.........\x1b[0m\x1b[31mF\x1b[0m\x1b[33ms\x1b[0m                     [ 41 %]\n"
    b"\x1b[1;31mFAILED\x1b[0m tests/test_capture.py::test_twice \x1b[36m(0.41s)\x1b[0m\n"
    b"\x1b[34mcollecting\x1b[0m " + b"a-very-long-word-" * 30 + b"\n\x1b[35mnote\x1b[0m \x1b[2mfaint\x1b[0m"
)


@pytest.fixture
def work(project, ticket, ada, bob, operator):
    """A task at work that prints, two that failed alike, one done, others ready or waiting; with long titles
    and many capabilities.
    """
    specs = [
        TaskSpec("Write the endpoint " * 6, capabilities=["python", "rust", "x" * 60, "a", "b"], priority=0),
        TaskSpec("Run the tests", max_attempts=1),
        TaskSpec("Review the key store", max_attempts=1, priority=1),
        TaskSpec("Replay protection"),
        TaskSpec("Contract tests"),
        TaskSpec("Runbook", description="What to do at night. " * 20),
    ]
    tasks = Task.objects.add(ticket, specs, by=operator)
    Need.objects.add(project.pk, [Edge(tasks[3].pk, tasks[5].pk)], by=operator)
    claims = {claim.task: claim for claim in Task.objects.claim(by=ada, limit=4)}
    for number in (1, 2):
        error = f"TimeoutError in reconcile_batch(): the sandbox drops the connection after {number}0 s"
        fail(claims[tasks[number].pk], by=ada, error=error)
    complete(claims[tasks[4].pk], by=ada, result={"tests": 12, "passed": True})
    held = claims[tasks[3].pk]
    TaskOutput.objects.add_one(NewOutput(held.task, held.fence, 0, PRINTED), by=ada)
    progress = {"message": "half", "percent": 50, "checkpoint": {"branch": "omoi/OMO-1", "summary": "so far"}}
    Task.objects.report_progress(held.task, held.fence, progress, by=ada)
    WaitSweep.objects.recheck_tasks(0, max(task.pk for task in tasks))
    return tasks


@pytest.fixture
def bulks(work, project, operator):
    """One to be confirmed, and one that has ended."""
    everything = TaskFilter(status="all")
    made = [BulkAct.objects.prepare("retry", everything, by=operator, projects=[project]) for _ in range(2)]
    BulkAct.objects.confirm(made[1].pk, by=operator, reason="The sandbox is mended. " * 20)
    while BulkAct.objects.carry_on():
        pass
    return made


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_they_are_for_everybody(window, operator, work, theme, size):
    shown = window(operator, size=size, theme=theme)
    for path in ("/tasks/", f"/tasks/{work[3].key}/"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
        assert shown.trailing_dots() == [], path
    assert shown.complaints == shown.elsewhere == []


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_so_are_what_is_rarer(window, operator, work, bulks, theme, size):
    shown = window(operator, size=size, theme=theme)
    paths = [f"/tasks/{work[number].key}/" for number in (0, 1, 4, 5)]
    paths += [f"/tasks/bulk/{bulk.pk}/" for bulk in bulks]
    for path in (*paths, "/tasks/?text=nothing", "/tasks/?failure=transient&status=odd", "/tasks/OMO-9.9/"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
        assert shown.trailing_dots() == [], path
    assert [said for said in shown.complaints if "404" not in said] == []


def test_what_is_chosen_stays_chosen_and_is_acted_on(window, operator, work, ada, ticket):
    page = window(operator).live("/board/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_selector("#live[data-state=live]")
    page.keyboard.press("j")
    expect(page.locator(f"#open-{work[1].pk}")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator("#chosen-number")).to_have_text("1 chosen")
    page.locator(f"#task-{work[5].pk}").click()
    page.keyboard.press("x")  # also from the box itself
    expect(page.locator(f"#task-{work[5].pk}")).not_to_be_checked()
    page.keyboard.press("x")

    [new] = Task.objects.add(ticket, [TaskSpec("One more")], by=operator)
    expect(page.locator(f"#row-{new.pk}")).to_be_visible()
    expect(page.locator("#chosen-number")).to_have_text("2 chosen")
    expect(page.locator(f"#task-{work[2].pk}")).to_be_checked()
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.matches('[data-nav]')")

    page.keyboard.press("a")
    expect(page.locator("#bulk-retry")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Why").fill("Mended")
    expect(page.locator(".bulk-numbers")).to_contain_text("1 can be retried.")
    page.get_by_role("button", name="Retry 1 task").click()
    page.wait_for_selector("#bulk-part")
    BulkAct.objects.carry_on()
    expect(page.locator("#bulk-title")).to_have_text("Finished")
    expect(page.locator(".bulk-numbers")).to_contain_text("1 task retried.")


def test_output_comes_while_it_is_watched_and_is_followed(window, operator, work, ada):
    page = window(operator).live(f"/tasks/{work[3].key}/")
    output = TaskOutput.objects.of(work[3])

    def send(text, place=output.size):
        TaskOutput.objects.add_one(NewOutput(work[3].pk, output.fence, place, text), by=ada)

    send(b"\nline" * 200)
    expect(page.locator("#output")).to_contain_text("line\nline")
    at_end = "b => b.scrollHeight - b.scrollTop - b.clientHeight < 5"
    page.wait_for_function(f"({at_end})(document.querySelector('#output'))")
    page.locator("#output").evaluate("box => { box.scrollTop = 0; box.dispatchEvent(new Event('scroll')); }")
    send(b"\nthe last one", output.size + 1_000)
    expect(page.locator("#output")).to_contain_text("the last one")
    assert page.locator("#output").evaluate("box => box.scrollTop") == 0


def test_they_work_without_script(browser, web, operator, work, window):
    shown = window(operator)
    cookies = shown.context.cookies()
    plain = browser.new_context(java_script_enabled=False)
    try:
        plain.add_cookies(cookies)
        page = plain.new_page()
        page.goto(f"http://{web.host}/tasks/?status=failed")
        page.locator("#choose-of").select_option("all")
        page.locator("#bulk-retry").click()
        page.get_by_label("Why").fill("Mended")
        page.get_by_role("button", name="Retry 2 tasks").click()
        expect(page.locator("#bulk-title")).to_contain_text("retries 2 tasks")
        BulkAct.objects.carry_on()
        page.reload()
        expect(page.locator(".bulk-numbers")).to_contain_text("2 tasks retried.")
        page.goto(f"http://{web.host}/tasks/{work[5].key}/")
        page.locator(f"#task-priority-{work[5].pk}").click()
        page.get_by_label("Priority", exact=True).select_option("critical")
        page.get_by_label("Why").fill("Tonight")
        page.get_by_role("button", name="Priority").click()
        expect(page).to_have_url(f"http://{web.host}/tasks/{work[5].key}/")
        expect(page.locator(".message")).to_contain_text("critical")
    finally:
        plain.close()
