"""The palette, keys, saved views and the forms that open a ticket and add a task, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import SavedView
from agents.models.account import set_single_letters
from tests.support.browser import PHONE, every_look
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def work(project, ada, operator):
    made = [
        Ticket.objects.open(project, TicketSpec(title, tasks=[TaskSpec(f"Do it: {title}")]), by=operator)
        for title in ("Capture payments", "Refund payments")
    ]
    Task.objects.claim(by=ada)
    return made


def test_the_palette_acts_finds_and_goes_by_keyboard(window, work, operator):
    SavedView.objects.keep("Failed ones", "/board/", "state=failed", by=operator)
    page = window().live(f"/tickets/{work[0].key}/")
    field, chosen = page.locator("#palette-input"), page.locator("#palette [aria-selected=true]")

    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    expect(page.locator(".palette-heading").first).to_have_text("On OMO-1")
    page.keyboard.type("pause")
    expect(chosen).to_have_text("Pause")
    page.keyboard.press("Enter")
    expect(page.locator("#action-title")).to_have_text("Pause OMO-1")
    page.locator("#action-dialog [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("OMO-1 is paused")
    page.locator("#undo").click()
    expect(page.locator("#toast")).to_contain_text("OMO-1 goes on")
    assert not Ticket.objects.get(key="OMO-1").paused

    page.keyboard.press("Control+k")
    page.keyboard.type("refund")
    expect(page.locator(".palette-heading")).to_have_text(["Tickets", "Tasks", "Search"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/OMO-2/")
    page.keyboard.press("Control+k")
    page.keyboard.type("failed on")
    expect(chosen).to_contain_text("Failed ones")
    page.keyboard.press("Enter")
    page.wait_for_url("**/board/?state=failed")


def test_keys_do_nothing_in_fields_and_where_they_are_turned_off(window, work, operator):
    page = window().live(f"/tickets/{work[0].key}/")
    page.keyboard.press("]")
    page.wait_for_url("**/tickets/OMO-2/")
    page.keyboard.press("[")
    page.wait_for_url("**/tickets/OMO-1/")
    page.keyboard.press("c")
    page.wait_for_url("**/new-ticket/")
    page.locator("#title").focus()
    page.keyboard.type("g b c ]?")
    expect(page.locator("#title")).to_have_value("g b c ]?")
    set_single_letters(operator, False)
    page.reload()
    page.locator("#main").focus()
    page.keyboard.press("c")
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    expect(page.locator("#help")).to_be_hidden()


PAGES = ("/new-ticket/", "/tickets/OMO-1/new-task/", "/search/?q=payments", "/account/", "/archived/")


@every_look
def test_the_pages_are_for_everybody(window, work, operator, theme, size):
    SavedView.objects.keep("Failed ones", "/board/", "state=failed", by=operator)
    spare = Ticket.objects.open(work[0].project, TicketSpec("Put away"), by=operator)
    Ticket.objects.act(spare.pk, "archive", by=operator, reason="over")
    shown = window(theme=theme, size=size)
    for path in (*PAGES, "/account/save-view/?from=/board/"):
        shown.go(path)
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
    page = shown.go("/new-ticket/")
    page.evaluate("document.querySelector('#title').removeAttribute('required')")
    page.locator("main [type=submit]").click()
    expect(page.locator("#refused")).to_contain_text("1 field needs a change")
    assert shown.faults() == []
    page = shown.live("/tickets/OMO-1/")
    page.locator(".palette-button").click()
    page.keyboard.type("pay")
    expect(page.locator(".palette-heading").first).to_have_text("Tickets")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert not [text for text in shown.complaints if "422" not in text]  # the refusal


def test_without_script_the_button_leads_to_the_search(browser, web, operator, work):
    from tests.support.browser import Window

    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE[0], "height": PHONE[1]})
    signed_in = Window(browser, web, operator)
    context.add_cookies(signed_in.context.cookies())
    page = context.new_page()
    page.goto(f"http://{web.host}/board/")
    page.locator(".palette-button").click()
    page.locator("main [name=q]").fill("refund")
    page.locator("main [type=submit]").click()
    expect(page.locator(".found a").first).to_have_attribute("href", "/tickets/OMO-2/")
    context.close()
    signed_in.close()
