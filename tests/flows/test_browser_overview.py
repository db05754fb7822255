"""The overview in a browser: found, acted on, live, and for everybody."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import complete, fail
from tests.support.browser import OVERVIEW, PHONE, WIDE
from tests.support.slow_proxy import SlowLine
from tickets.models import HourlyFigures, Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]
LOOKS = [
    pytest.param("dark", PHONE, id="phone-dark"),
    pytest.param("light", PHONE, id="phone-light"),
    pytest.param("dark", WIDE, id="wide-dark"),
    pytest.param("light", WIDE, id="wide-light"),
]


@pytest.fixture
def fleet(project, ada, bob, operator):
    """Two failed tasks and two at work."""
    for title in ("Idempotent payment capture", "A title of some length " * 5):
        specs = [TaskSpec("Write it"), TaskSpec("Test it " * 12)]
        Ticket.objects.open(project, TicketSpec(title, tasks=specs), by=operator)
    Ticket.objects.advance_due()
    claims = Task.objects.claim(by=ada, limit=3)
    fail(claims[0], by=ada, error="TimeoutError in reconcile_batch()", kind="permanent")
    complete(claims[1], by=ada)
    Task.objects.claim(by=bob)
    HourlyFigures.objects.count_events()
    HourlyFigures.objects.sample_queue()
    return claims[2]


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_it_is_for_everybody(window, operator, fleet, theme, size):
    shown = window(operator, size=size, theme=theme)
    for path in ("/?data=queue", "/?data=stuck&range=7d"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
        expect(page.locator(".bottom-nav [data-count=board]")).to_be_hidden()
    assert shown.complaints == shown.elsewhere == []
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()


def test_it_follows_what_happens_in_place_and_keeps_the_focus(window, operator, fleet, ada):
    page = window(operator).live("/")
    expect(page).to_have_title("(1) Overview · Omoi")
    expect(page.locator(".at-work > li")).to_have_count(2)
    page.locator("#data-of-queue").focus()

    fail(fleet, by=ada, error="no disk", kind="permanent")

    expect(page.locator(".at-work > li")).to_have_count(1)
    expect(page.locator(".attention-item")).to_have_count(2)
    expect(page).to_have_title("(2) Overview · Omoi")
    expect(page.locator("#data-of-queue")).to_be_focused()


def test_an_item_is_acted_on_over_a_slow_line_without_leaving(window, operator, fleet):
    shown = window(operator)
    SlowLine(shown, latency=200, first=0)
    page = shown.live("/")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.get_by_label("Why").fill("The database was away")
    page.locator("#action-dialog [type=submit]").dblclick()

    expect(page.locator(".attention-item")).to_have_count(0)
    expect(page.locator("#toast")).to_be_visible()
    expect(page).to_have_title("Overview · Omoi")


def test_without_script_it_is_read_and_acted_on(browser, window, operator, fleet):
    shown = window(operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{shown.web.host}/")

    page.get_by_role("link", name="Show data of Throughput").click()
    expect(page.locator("#data tbody tr")).to_have_count(24)
    page.locator("[data-act]").first.click()
    page.get_by_label("Why").fill("The database was away")
    page.get_by_role("button", name="Retry").click()

    assert page.url == f"http://{shown.web.host}/"
    assert "is back in the queue" in page.locator("main .notice").inner_text()
    bare.close()


def test_the_keys_and_the_bar_of_a_phone_lead_everywhere(window, operator, fleet):
    page = window(operator).live("/board/")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(OVERVIEW)
    phone = window(operator, size=PHONE).live("/")
    phone.get_by_role("button", name="More").click()
    phone.locator("#account").get_by_role("link", name="Repositories").click()
    phone.wait_for_url("**/repositories/")
