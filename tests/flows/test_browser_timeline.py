"""The timeline of a ticket in a browser: for everybody, filtered without script, and calm while it grows."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.support.browser import Window, every_look
from tests.support.slow_proxy import SlowLine
from tests.support.wait import until
from tickets.models import Task, TaskSpec, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

NEVER = 1_000_000


@pytest.fixture
def delivery(project, operator, ada):
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    Ticket.objects.act(ticket.pk, "edit", by=operator, title="Idempotent capture")
    return ticket


@every_look
def test_it_is_for_everybody(window, delivery, theme, size):
    shown = window(size=size, theme=theme)
    for query in ("", "?timeline=all", "?timeline=all&kinds=gate,moves", "?kinds=comments"):
        page = shown.go(f"/tickets/{delivery.key}/{query}")
        for fold in page.locator("#timeline details").all():
            fold.locator("summary").click()
        page.evaluate("scrollTo(0, 0)")
        assert shown.faults() == [], query
        assert shown.width <= size[0]
        assert shown.trailing_dots() == []
    assert shown.complaints + shown.elsewhere == []


def test_what_is_open_stays_open_while_it_grows_on_a_slow_line(window, delivery, operator):
    shown = window()
    line = SlowLine(shown, latency=200, first=NEVER, every=NEVER + 1)
    page = shown.live(f"/tickets/{delivery.key}/?kinds=changes,tasks")
    fold = page.locator("#timeline details").first
    fold.locator("summary").click()
    expect(fold.locator("del")).to_be_visible()
    page.locator("#timeline-more").focus()

    for number in range(3):
        Task.objects.add(delivery, [TaskSpec(f"One more {number}")], by=operator)
    expect(page.locator("#timeline")).to_contain_text("One more 2", timeout=20_000)

    expect(page.get_by_text("Idempotent payment capture", exact=True)).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "timeline-more"
    until(line.quiet, 30)


def test_filters_and_pages_are_links_that_work_without_script(browser, web, operator, delivery):
    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{delivery.key}/")
    page.locator("#timeline-submissions").click()
    entries = page.locator("#timeline .timeline li")
    expect(entries).to_have_count(3)
    page.locator("#timeline-moves").click()
    expect(entries).to_have_count(7)
    assert "kinds=moves%2Csubmissions" in page.url
    page.locator("#timeline-submissions").click()
    expect(entries).to_have_count(4)
    page.locator("#timeline-all").click()
    expect(entries).to_have_count(12)
    page.locator("#timeline-more").click()
    expect(entries.nth(12)).to_be_visible()
    entries.get_by_role("link", name="coverage.xml").click()
    page.wait_for_url("**/artifacts/**")
    bare.close()
    shown.close()
