"""The attention page in a browser: found, walked by keys, acted on, live."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Event, Member
from tests.factories import fail
from tests.support.browser import Window, every_look
from tests.support.slow_proxy import SLOW_MS, SlowLine
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def troubles(project, ada, operator):
    """Two tickets with a failed task, and work that nobody can do."""
    for title in ("Idempotent payment capture", "A title of some length " * 5):
        Ticket.objects.open(project, TicketSpec(title, tasks=[TaskSpec("Write it")]), by=operator)
    for claim in Task.objects.claim(by=ada, limit=2):
        fail(claim, by=ada, error="TimeoutError in reconcile_batch()", kind="permanent")
    spec = TaskSpec("Port it", capabilities=["rust"])
    Ticket.objects.open(project, TicketSpec("Port the parser", tasks=[spec]), by=operator)
    Ticket.objects.advance_due()


@every_look
def test_it_is_for_everybody(window, operator, troubles, theme, size):
    shown = window(operator, size=size, theme=theme)
    for path in ("/attention/", "/attention/?kind=move_fault", "/attention/?view=all&kind=task_failed"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
    assert shown.complaints == []


def test_keys_walk_it_and_do_what_helps(window, operator, troubles):
    page = window(operator).live("/board/")
    expect(page.locator(".sidebar [data-count=attention]")).to_have_text("3")

    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_selector("#live[data-state=live]")
    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.locator(".attention-item:nth-child(2) [data-nav]")).to_be_focused()
    page.keyboard.press("a")
    page.get_by_label("Why").fill("The database was away")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#toast")).to_be_visible()
    expect(page.locator(".attention-item")).to_have_count(2)
    expect(page.locator(".sidebar [data-count=attention]")).to_have_text("2")
    assert Task.objects.filter(state="failed").count() == 1


def test_enter_opens_what_it_is_about(window, operator, troubles):
    page = window(operator).live("/attention/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/OMO-3.*/")


def test_a_key_acts_only_on_the_item_that_has_the_focus(window, operator, troubles):
    page = window(operator).live("/attention/?kind=task_failed")
    page.evaluate("window.clicks = 0; document.addEventListener('click', () => { window.clicks += 1; })")

    page.keyboard.press("a")

    assert page.evaluate("window.clicks") == 0
    page.keyboard.press("j")
    page.keyboard.press("a")
    assert page.evaluate("window.clicks") == 1


def test_it_is_live(window, operator, troubles):
    page = window(operator).live("/attention/")
    expect(page.locator(".attention-item")).to_have_count(3)

    Task.objects.filter(title="Port it").cancel(by=operator, reason="not wanted")

    expect(page.locator(".attention-item")).to_have_count(2)


def test_a_viewer_sees_it_and_learns_which_role_is_missing(
    window, project, operator, troubles, django_user_model
):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.set(project, viewer, "viewer", by=operator)
    page = window(viewer).live("/attention/")

    page.get_by_role("link", name="Show what needs others").click()

    expect(page.locator(".attention-item")).to_have_count(3)
    act = page.locator("#main [aria-disabled=true]").nth(1)
    expect(act).to_have_attribute("title", "You need the role of an operator in this project")
    expect(page.locator(".sidebar [data-count=attention]")).to_be_hidden()


def test_on_a_slow_line_an_act_is_done_once_and_shown(window, operator, troubles):
    shown = window(operator)
    line = SlowLine(shown, latency=200, first=0)
    page = shown.live("/attention/?kind=task_failed")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.get_by_label("Why").fill("The database was away")
    page.locator("#action-dialog [type=submit]").dblclick()

    expect(page.locator(".attention-item")).to_have_count(1)
    expect(page.locator("#toast")).to_be_visible()
    assert line.most == 1
    assert Task.objects.filter(state="failed").count() == 1


def test_without_script_it_is_filtered_and_acted_on(browser, window, operator, troubles):
    shown = window(operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{shown.web.host}/attention/")

    page.get_by_label("Kind").select_option("Task failed")
    page.get_by_role("button", name="Filter").click()
    assert page.locator(".attention-item").count() == 2
    page.locator("[data-act]").first.click()
    page.get_by_label("Why").fill("The database was away")
    page.get_by_role("button", name="Retry").click()

    assert page.url.endswith("/attention/")
    assert "is back in the queue" in page.locator("main .notice").inner_text()
    assert page.locator(".attention-item").count() == 2
    bare.close()


def test_what_is_written_about_an_item_outlives_a_restart_of_the_server(
    browser, server, project, operator, ada
):
    Ticket.objects.open(project, TicketSpec("Reconcile", tasks=[TaskSpec("Write it")]), by=operator)
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error="TimeoutError", kind="permanent")
    shown = Window(browser, server.web, operator)
    page = shown.live("/attention/?kind=task_failed")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.fill("#action-dialog #action-reason", "The database was away")
    server.stop()
    page.locator("#action-dialog [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    server.start()
    expect(page.locator("#action-reason")).to_have_value("The database was away")

    page.locator("#action-dialog [type=submit]").click()

    expect(page.locator(".attention-item")).to_have_count(0, timeout=SLOW_MS)
    expect(page.locator(".sidebar [data-count=attention]")).to_be_hidden(timeout=SLOW_MS)
    page.wait_for_selector("#live[data-state=live]", timeout=SLOW_MS)
    assert Event.objects.filter(kind="task.retried", reason="The database was away").count() == 1
    shown.close()
