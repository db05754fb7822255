"""Patterns in a browser: applied with a preview, once, whatever happens to the answer; and drawn on the
ticket.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import complete
from tests.support.browser import every_look
from tests.support.slow_proxy import SlowLine
from tickets.models import PatternRequest, PatternRun, Task, Ticket
from tickets.models.task.task_spec import NeedSpec, TaskSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

NEVER = 1_000_000
SLOW_MS = 20_000


@pytest.fixture
def voting(ticket, task, operator, ada):
    """A ticket on which two of three have voted, with a task for when a vote fails, and a join that cancels
    the others.
    """
    request = PatternRequest(
        "majority_vote", "vote", {"source_task_id": str(task.pk), "question": "Which database?"}
    )
    run, _ = PatternRun.objects.apply(ticket, request, by=operator)
    [voter] = [one.pk for one in run.tasks if one.name == "voter_3"]
    Task.objects.add(
        ticket,
        [TaskSpec("Say who did not vote", needs=[NeedSpec(voter, "failure"), NeedSpec(task.pk)], join=1)],
        by=operator,
    )
    complete(Task.objects.claim(by=ada)[0], by=ada)
    for _ in range(2):
        complete(Task.objects.claim(by=ada)[0], by=ada, result={"answer": "PostgreSQL"})
    tries = Task.objects.add(ticket, [TaskSpec(f"Try {name}") for name in "ab"], by=operator)
    first = {
        "type": "join",
        "id": "first",
        "source_task_ids": [str(one.pk) for one in tries],
        "merge_strategy": "first",
        "others": "cancel",
        "continuation_task": {"title": "Go on with the first"},
    }
    PatternRun.objects.apply(ticket, PatternRequest(first, "first"), by=operator)
    return ticket


def fill(page, question="Which database?"):
    page.get_by_label("Source task").select_option(index=1)
    page.get_by_label("Question").fill(question)


def whole(shown, size):
    assert shown.faults() == []
    assert shown.width <= size[0]


@every_look
def test_they_are_for_everybody(window, operator, ticket, task, theme, size):
    shown = window(operator, size=size, theme=theme)
    for address in ("/patterns/", "/patterns/majority_vote/", f"/tickets/{ticket.key}/patterns/"):
        shown.go(address)
        whole(shown, size)
    page = shown.go(f"/tickets/{ticket.key}/patterns/sync/")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#refused")
    whole(shown, size)
    page = shown.go(f"/tickets/{ticket.key}/patterns/document/")
    page.locator("textarea").fill("name: x\npattern:\n  type: split\n  id: parts\nfoo: 1\n")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#refused li")).not_to_have_count(0)
    whole(shown, size)
    page = shown.go(f"/tickets/{ticket.key}/patterns/majority_vote/")
    fill(page)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview-title")).to_be_focused()
    whole(shown, size)
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")
    for name in ("", "sync/"):
        page = shown.go(f"/tickets/{ticket.key}/patterns/{name}")
        expect(page.locator("main .notice")).to_contain_text("takes no more tasks")
        whole(shown, size)
    assert [said for said in shown.complaints if "422" not in said] == []
    assert shown.elsewhere == []


@every_look
def test_the_graph_of_a_ticket_is_for_everybody(window, operator, voting, theme, size):
    shown = window(operator, size=size, theme=theme)
    for view in ("graph&done=1", "list"):
        shown.live(f"/tickets/{voting.key}/?view={view}")
        whole(shown, size)


def test_one_is_found_previewed_and_applied_by_keyboard_alone(window, operator, ticket, task):
    page = window(operator).live(f"/tickets/{ticket.key}/")
    page.locator("#more").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Apply a pattern").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/patterns/")
    page.get_by_role("link", name="Majority vote").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Source task").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Which database?")
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    assert ticket.tasks.count() == 1
    for _ in range(3):  # the drawing, which scrolls; then the button
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "submit":
            break
    page.keyboard.press("Enter")

    page.wait_for_url("**/?view=graph**")
    expect(page.get_by_text("majority_vote added 6 tasks")).to_be_visible()
    assert ticket.tasks.count() == 7


def test_it_works_without_script(browser, web, window, operator, ticket, task):
    shown = window(operator)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(shown.context.cookies())
    page = context.new_page()
    page.goto(f"http://{web.host}/tickets/{ticket.key}/patterns/majority_vote/")
    fill(page)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Apply").click()

    expect(page.get_by_text("majority_vote added 6 tasks")).to_be_visible()
    context.close()


@pytest.mark.parametrize("latency", [200, pytest.param(1000, marks=pytest.mark.full)])
def test_applied_twice_and_with_a_lost_answer_it_is_one_graph(window, operator, ticket, task, latency):
    shown = window(operator)
    line = SlowLine(shown, latency=latency, first=NEVER, every=NEVER + 1)
    page = shown.go(f"/tickets/{ticket.key}/patterns/majority_vote/")
    fill(page)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview-title")).to_be_focused(timeout=SLOW_MS)
    line.lose_acts(True)
    page.get_by_role("button", name="Apply").dblclick()
    expect(page.locator("#toast")).to_contain_text("No answer came", timeout=SLOW_MS)
    assert ticket.tasks.count() == 7
    line.lose_acts(False)
    page.get_by_role("button", name="Apply").click()

    expect(page.get_by_text("was applied already, so nothing was added twice")).to_be_visible(timeout=SLOW_MS)
    assert ticket.tasks.count() == 7


def test_what_was_typed_outlives_a_lost_preview(window, operator, ticket, task):
    shown = window(operator)
    line = SlowLine(shown, latency=0, first=NEVER, every=NEVER + 1)
    page = shown.go(f"/tickets/{ticket.key}/patterns/majority_vote/")
    fill(page, "Is it < or >?")
    line.lose_acts(True)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#toast")).to_contain_text("No answer came")

    expect(page.get_by_label("Question")).to_have_value("Is it < or >?")
