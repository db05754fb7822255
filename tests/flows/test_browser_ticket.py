"""The ticket page in a browser: for everybody, by keyboard, without script, and calm while it is acted on."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests import factories
from tests.support.browser import PHONE, WIDE, Window, every_look
from tests.support.wait import until
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def delivery(project, operator, ada):
    """A ticket in IMPLEMENTATION with tasks in every state and a gate that was refused."""
    return factories.busy_ticket(project, by=operator, agent=ada)


def large(project, operator, count=160):
    """A ticket with more tasks than the graph shows at first, all needing the same one."""
    ticket = Ticket.objects.open(
        project, TicketSpec("Mosaic", tasks=[TaskSpec(f"Tile {n}") for n in range(count)]), by=operator
    )
    ids = list(ticket.tasks.order_by("id").values_list("pk", flat=True))
    Need.objects.add(
        project.pk,
        [Edge(ids[0], child) for child in ids[1:-1]] + [Edge(parent, ids[-1]) for parent in ids[1:-1]],
        by=operator,
    )
    return ticket


def check(shown, path, size):
    page = shown.go(path)
    page.wait_for_load_state("networkidle")
    assert shown.faults() == [], path
    assert shown.width <= size[0], path
    return page


@every_look
def test_every_state_of_the_page_is_for_everybody(window, project, delivery, operator, theme, size):
    shown = window(size=size, theme=theme)
    key = delivery.key
    check(shown, f"/tickets/{key}/?done=1&timeline=all", size)
    check(shown, f"/tickets/{key}/?view=list", size)
    page = check(shown, f"/tickets/{key}/", size)
    page.click("#more")
    assert shown.faults() == []
    page.click("#menu-force")
    page.wait_for_selector("#action-dialog[open]")
    assert shown.faults() == []
    for word in ("advance", "block", "priority", "force", "unblock"):
        check(shown, f"/tickets/{key}/{word}/", size)
    page = check(shown, f"/tickets/{key}/advance/", size)
    page.get_by_role("button", name="Advance").click()
    page.wait_for_selector("#refused")
    assert shown.faults() == []
    check(shown, f"/tickets/{large(project, operator).key}/?view=graph", size)
    Ticket.objects.move(delivery.pk, "BLOCKED", by=operator, reason="Which schema?", cause="clarification")
    check(shown, f"/tickets/{key}/", size)
    Ticket.objects.move(delivery.pk, "CANCELLED", by=operator, reason="not wanted")
    check(shown, f"/tickets/{key}/", size)
    assert shown.elsewhere == []
    assert [said for said in shown.complaints if "409" not in said] == []


def test_the_page_is_for_everybody(window, delivery):
    check(window(size=PHONE, theme="dark"), f"/tickets/{delivery.key}/", PHONE)
    shown = window()
    page = check(shown, f"/tickets/{delivery.key}/", WIDE)
    page.click("#more")
    page.click("#menu-force")
    page.wait_for_selector("#action-dialog[open]")
    assert shown.faults() == []
    assert shown.complaints + shown.elsewhere == []


def test_a_ticket_is_forced_by_keyboard_with_a_reason(window, delivery):
    page = window().live(f"/tickets/{delivery.key}/")
    press, focused = page.keyboard.press, lambda: page.evaluate("document.activeElement.id")
    page.locator("#more").focus()
    press("Enter")
    while focused() != "menu-force":
        press("Tab")
    press("Enter")
    page.wait_for_selector("#action-dialog[open]")
    until(lambda: focused() == "action-to")
    page.locator("#action-to").select_option("TESTING")
    effect = page.locator(".effect-to:visible")  # of the chosen phase alone
    assert (effect.count(), "Skipped gates" in effect.inner_text()) == (1, True)
    press("Tab")
    page.keyboard.type("hurry")
    press("Tab")
    press("Space")
    press("Tab")
    press("Tab")
    press("Enter")  # too short: the browser itself keeps it back
    expect(page.locator("#action-dialog")).to_be_visible()
    page.locator("#action-reason").fill("tested by hand on the bench")
    page.locator("#action-dialog button[type=submit]").focus()
    press("Enter")
    page.wait_for_selector("text=tested by hand on the bench")
    expect(page.get_by_text("Forced", exact=True)).to_be_visible()
    assert page.locator("#toast").inner_text() == f"{delivery.key} was forced to Testing"
    expect(page.locator("#action-dialog")).to_be_hidden()
    assert focused() in ("more", "ticket-title")
    assert Ticket.objects.get(pk=delivery.pk).phase == "TESTING"


def test_a_refusal_is_read_out_where_it_happened(window, delivery, operator):
    page = window().live(f"/tickets/{delivery.key}/")
    page.locator("#main-advance").press("Enter")
    assert page.evaluate("document.activeElement.id") == "gate-4"  # what is in the way
    page.evaluate("document.activeElement.blur()")
    page.click("#more")
    page.click("#menu-priority")
    page.wait_for_selector("#action-dialog[open]")
    with Ticket.objects.locked(pk=delivery.pk) as row:
        row.edit(by=operator, title="Idempotent capture")
    page.locator("#action-priority").select_option("low")
    page.locator("#action-dialog button[type=submit]").click()
    page.wait_for_selector("#refused")
    assert page.evaluate("document.activeElement.id") == "refused"
    expect(page.get_by_text("You changed it yourself")).to_be_visible()
    expect(page.locator("#action-priority")).to_have_value("low")
    page.locator("#action-dialog button[type=submit]").click()
    page.wait_for_selector("#action-dialog:not([open])", state="attached")
    assert Ticket.objects.get(pk=delivery.pk).priority_name == "low"


def test_an_open_dialog_and_what_is_typed_survive_updates(window, delivery, operator):
    page = window().live(f"/tickets/{delivery.key}/")
    page.locator("#graph").evaluate("box => { box.style.maxWidth = '500px'; box.scrollLeft = 120 }")
    page.click("#more")
    page.click("#menu-block")
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-reason").press_sequentially("Which of the two sche", delay=1)
    for number in range(5):
        Task.objects.add(delivery, [TaskSpec(f"One more {number}")], by=operator)
    page.locator("#action-reason").press_sequentially("mas?", delay=1)
    page.wait_for_selector("#tasks-title >> text=Tasks")
    until(lambda: page.locator(".dag text", has_text="One more 4").count() == 1)
    expect(page.locator("#action-dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "action-reason"
    expect(page.locator("#action-reason")).to_have_value("Which of the two schemas?")
    page.locator("#action-class").select_option("clarification")
    page.locator("#action-dialog button[type=submit]").click()
    page.wait_for_selector("text=Which of the two schemas?")
    page.wait_for_selector("#main-unblock")
    page.click("#more")
    Task.objects.add(delivery, [TaskSpec("Late one")], by=operator)
    until(lambda: page.locator(".dag text", has_text="Late one").count() == 1)
    expect(page.locator("#more-menu")).to_be_visible()


def test_acts_work_without_script(browser, web, operator, delivery):
    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{delivery.key}/")
    page.locator("#more").click()
    page.locator("#menu-block").click()
    page.locator("#action-class").select_option("clarification")
    page.locator("#action-reason").fill("Which of the two schemas?")
    page.get_by_role("button", name="Block").click()
    page.wait_for_url(f"**/tickets/{delivery.key}/")
    expect(page.get_by_text(f"{delivery.key} is blocked", exact=True)).to_be_visible()
    page.locator("#main-unblock").click()
    page.get_by_role("button", name="Unblock").click()
    page.wait_for_url(f"**/tickets/{delivery.key}/")
    page.locator("#gate-judge").click()
    expect(page.get_by_text("2 checks of 5 do not pass")).to_be_visible()
    page.goto(f"http://{web.host}/tickets/{delivery.key}/advance/")
    page.get_by_role("button", name="Advance").click()
    expect(page.get_by_text("The gate of Implementation is closed")).to_be_visible()
    bare.close()
    shown.close()


def test_a_graph_opens_at_what_failed_and_leads_to_its_row(window, delivery):
    page = window().live(f"/tickets/{delivery.key}/")
    failed = delivery.tasks.get(state="failed")
    expect(page.locator(f"#node-{failed.pk} rect")).to_be_visible()
    expect(page.locator(f"#task-{failed.pk}")).to_be_hidden()
    page.locator(f"#node-{failed.pk}").click()
    expect(page.locator(f"#task-{failed.pk}")).to_be_visible()
    page.locator(f"#task-retry-{failed.pk}").click()
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-reason").fill("the sandbox is mended")
    page.locator("#action-dialog button[type=submit]").click()
    until(lambda: page.locator(f"#node-{failed.pk}.info").count() == 1)
    page.locator("#node-0").click()
    page.wait_for_url("**done=1**")
    expect(page.locator("#node-0")).to_have_count(0)


def test_a_phone_and_a_large_ticket_get_the_list(window, project, operator, delivery):
    ticket = large(project, operator)
    page = window().go(f"/tickets/{ticket.key}/")
    expect(page.locator("#graph")).to_have_count(0)
    expect(page.locator(".task")).to_have_count(50)
    page.locator("#as-graph").click()
    page.wait_for_url("**view=graph**")
    expect(page.locator(".node")).to_have_count(160)
    last = page.locator(".node").last
    last.click()
    expect(page.locator(".task:visible")).to_have_count(1)
    expect(page.locator(".task:visible")).to_have_id(last.get_attribute("id").replace("node-", "task-"))
    expect(last).to_be_in_viewport()
    page.locator("#as-list").click()
    expect(page.locator(".pages")).to_contain_text("151 to 160 of 160")  # where that task is
    page.get_by_role("link", name="Previous", exact=True).click()
    expect(page.locator(".pages")).to_contain_text("101 to 150 of 160")
    phone = window(size=PHONE).go(f"/tickets/{delivery.key}/")
    expect(phone.locator("#graph")).to_be_hidden()
    expect(phone.locator(".task").first).to_be_visible()


def test_a_page_whose_person_was_signed_out_asks_to_sign_in(window, web, delivery, operator):
    page = window().live(f"/tickets/{delivery.key}/")
    operator.is_active = False
    operator.save()
    page.evaluate("live.subscribed = ''; subscribe()")  # the next check of its rights
    page.wait_for_selector("text=Sign in")
    assert "/login/" in page.url


def test_what_is_typed_outlives_being_signed_out(window, delivery, operator):
    operator.set_password("correct horse battery")
    operator.save()
    page = window().live(f"/tickets/{delivery.key}/")
    page.locator("#more").click()
    page.locator("#menu-block").click()
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-class").select_option("clarification")
    page.locator("#action-reason").fill("Which of the two schemas is meant?")
    Session.objects.all().delete()
    Task.objects.add(delivery, [TaskSpec("Late one")], by=operator)
    page.wait_for_selector("#signed-out:not([hidden])")
    page.locator("#action-dialog [type=submit]").click()  # no way to lose it either

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in").click()
    beside = opened.value
    beside.locator("#id_username").fill(operator.username)
    beside.locator("#id_password").fill("correct horse battery")
    beside.get_by_role("button", name="Sign in").click()
    beside.wait_for_url(f"**/tickets/{delivery.key}/")
    page.evaluate("dispatchEvent(new Event('focus'))")  # the person comes back to this tab
    page.wait_for_selector("#signed-out", state="hidden")
    page.wait_for_selector("#live[data-state=live]")
    expect(page.locator("#action-reason")).to_have_value("Which of the two schemas is meant?")
    until(lambda: page.evaluate("live.parts.every((part) => part.quiet)"))
    page.locator("#action-dialog [type=submit]").click()
    page.wait_for_selector("#action-dialog:not([open])", state="attached")
    assert Ticket.objects.get(pk=delivery.pk).blocked_reason == "Which of the two schemas is meant?"
