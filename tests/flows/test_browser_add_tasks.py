"""The tasks of a phase are added once more on a ticket page: by keyboard, without script, on a slow line."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import allow_workflow
from tests.support.browser import Window, every_look
from tests.support.slow_proxy import SlowLine
from tests.support.wait import until
from tickets.models import Task, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

NEVER = 1_000_000
SLOW_MS = 20_000


@pytest.fixture
def ticket(project, operator):
    workflow = allow_workflow(project, "software_delivery_tasks")
    opened = Ticket.objects.open(project, TicketSpec("Partial refunds", workflow=workflow), by=operator)
    Ticket.objects.move(opened.pk, "REQUIREMENTS", by=operator)
    return opened


@every_look
def test_the_dialog_is_for_everybody(window, ticket, theme, size):
    shown = window(size=size, theme=theme)
    page = shown.live(f"/tickets/{ticket.key}/")
    page.locator("#tasks-add-tasks").click()
    page.wait_for_selector("#action-dialog[open]")
    page.locator("summary").first.click()
    assert shown.faults() == []
    assert shown.width <= size[0]
    page.locator("#action-word").fill("Refunds over the limit")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#previewed")).to_contain_text("2 tasks would be added")
    assert shown.faults() == []
    shown.go(f"/tickets/{ticket.key}/add-tasks/")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert shown.complaints + shown.elsewhere == []


def test_they_are_chosen_looked_at_and_added_by_keyboard(window, ticket):
    page = window().live(f"/tickets/{ticket.key}/")
    page.locator("#tasks-add-tasks").press("Enter")
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-word").fill("Refunds over the limit")
    page.keyboard.press("Enter")  # looks first
    until(lambda: page.evaluate("document.activeElement.id") == "previewed")
    expect(page.locator("#action-title_0")).to_have_value("Analyse the requirements: Refunds over the limit")
    page.locator("#action-use_1").press("Space")
    page.locator("#action-dialog").get_by_role("button", name="Add tasks").press("Enter")

    expect(page.locator("#toast")).to_have_text(f"1 task was added to Requirements of {ticket.key}")
    expect(page.locator(".task")).to_have_count(3)
    assert page.evaluate("document.activeElement.id") == "tasks-add-tasks"


def test_a_lost_answer_takes_nothing_along_and_adds_nothing_twice(window, ticket):
    shown = window()
    line = SlowLine(shown, latency=200, first=NEVER, every=NEVER + 1)
    page = shown.live(f"/tickets/{ticket.key}/")
    page.locator("#tasks-add-tasks").click()
    page.locator("#action-word").fill("Refunds over the limit", timeout=SLOW_MS)
    page.locator("summary").first.click()
    page.locator("#action-description_0").fill("Ask the merchants first.")
    add = page.locator("#action-dialog").get_by_role("button", name="Add tasks")
    line.lose_acts(True)
    add.click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    expect(page.locator("#action-description_0")).to_have_value("Ask the merchants first.")
    line.lose_acts(False)

    add.click()

    expect(page.locator("#toast")).to_contain_text("2 tasks were added", timeout=SLOW_MS)
    until(line.quiet, 30)
    assert Task.objects.count() == 4
    assert Task.objects.filter(description="Ask the merchants first.").count() == 1


def test_what_is_typed_survives_updates_of_the_page(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/")
    page.locator("#tasks-add-tasks").click()
    page.locator("summary").first.click()
    page.locator("#action-title_0").fill("Ask the merchants")
    Ticket.objects.act(ticket.pk, "edit", by=operator, title="Refunds of a part")
    expect(page.locator("#ticket-title")).to_have_text("Refunds of a part")
    expect(page.locator("#action-title_0")).to_have_value("Ask the merchants")
    expect(page.locator("#action-title_0")).to_be_visible()

    page.locator("#action-dialog").get_by_role("button", name="Add tasks").click()

    expect(page.locator("#refused")).to_contain_text("You changed it yourself")
    expect(page.locator("#action-title_0")).to_have_value("Ask the merchants")
    page.locator("#action-dialog").get_by_role("button", name="Add tasks").click()
    expect(page.locator("#toast")).to_contain_text("was added")
    assert Task.objects.filter(title="Ask the merchants").exists()


def test_it_works_without_script(browser, web, operator, ticket):
    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{ticket.key}/")
    page.locator("#tasks-add-tasks").click()
    page.locator("#action-phase").select_option("TESTING")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#previewed")).to_contain_text("2 tasks would be added")
    page.locator("#action-word").fill("Refunds over the limit")
    page.get_by_role("button", name="Add tasks").click()
    page.wait_for_url(f"**/tickets/{ticket.key}/")
    expect(page.get_by_text(f"2 tasks were added to Testing of {ticket.key}", exact=True)).to_be_visible()
    assert Task.objects.filter(phase="TESTING", title="Write the tests: Refunds over the limit").exists()
    bare.close()
    shown.close()
