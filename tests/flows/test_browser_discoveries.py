"""Discoveries and fixes in a browser: for everybody, by keyboard, without script, live, on a slow line."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.factories import fail
from tests.support.browser import every_look
from tests.support.slow_proxy import SLOW_MS, SlowLine
from tests.tickets.discovery.conftest import complete_with, mapped, ticket_of  # noqa: F401  # fixtures
from tickets.models import Discovery, Task, TaskSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

LONG = "See money.py.\n\n" + "The sum of half cents is rounded down, and the difference is lost. " * 20


@pytest.fixture
def found(mapped, ada, operator):  # noqa: F811  # the fixture
    """A ticket with a discovery of each fate, and a task that waits for its fix."""
    Task.objects.add(mapped, [TaskSpec("Test it"), TaskSpec("Measure it")], by=operator)
    first, second, third = Task.objects.claim(by=ada, limit=3)
    complete_with(
        first,
        ("bug", "Rounds half a cent down", LONG),
        ("optimisation", "Read the rates once, not for each line"),
        ("needs_clarification", "Which currency has no cents?"),
        by=ada,
    )
    complete_with(third, ("smell", "Dead code in the importer", "Nobody has called it since 2019."), by=ada)
    fail(second, by=ada, error="test_rounding: 0.005 became 0.00", kind="validation")
    return Discovery.objects.get(type="smell")


def shot(page, name):
    if folder := os.environ.get("OMOI_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@every_look
def test_the_page_of_a_ticket_with_discoveries_is_for_everybody(window, found, operator, theme, size):
    shown = window(operator, size=size, theme=theme)
    page = shown.go(f"/tickets/{found.ticket.key}/?view=list")
    page.wait_for_load_state("networkidle")
    shot(page, f"discoveries-{theme}-{size[0]}")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert shown.trailing_dots() == []
    page.click(f"#discovery-dismiss-{found.pk}")
    page.wait_for_selector("#action-dialog[open]")
    shot(page, f"discoveries-dialog-{theme}-{size[0]}")
    assert shown.faults() == []
    page = shown.go("/attention/?view=all")
    shot(page, f"discoveries-attention-{theme}-{size[0]}")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert shown.complaints == []


def test_a_discovery_becomes_a_task_by_keyboard_and_everybody_sees_it(window, found, operator):
    one, two = window(operator), window(operator)
    mine, other = one.live(f"/tickets/{found.ticket.key}/"), two.live(f"/tickets/{found.ticket.key}/")

    mine.focus(f"#discovery-make-task-{found.pk}")
    mine.keyboard.press("Enter")
    mine.fill("#action-reason", "worth it")
    mine.get_by_role("dialog").get_by_role("button", name="Make it a task").press("Enter")

    for page in (mine, other):
        expect(page.locator(f"#discovery-{found.pk}")).to_contain_text("Became task")
    assert Discovery.objects.get(pk=found.pk).reason == "worth it"
    assert one.complaints == two.complaints == []


def test_the_attention_list_makes_a_task_of_it(window, found, operator):
    page = window(operator).live("/attention/?kind=discovery")
    page.get_by_role("link", name="Make it a task").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it a task").click()
    expect(page.locator(".attention-item")).to_have_count(0)
    assert Discovery.objects.get(pk=found.pk).state == "task"


def test_what_was_typed_survives_a_decision_of_somebody_else(window, found, operator, django_user_model):
    page = window(operator).live(f"/tickets/{found.ticket.key}/")
    page.click(f"#discovery-dismiss-{found.pk}")
    page.fill("#action-reason", "it stays as it is")
    dana = django_user_model.objects.create_superuser("dana", password=None)
    Discovery.objects.decide(found.pk, "ticket", by=dana)

    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()

    expect(page.locator("#refused")).to_contain_text("It became ticket")
    expect(page.get_by_role("dialog")).to_contain_text("it stays as it is")


def test_on_a_slow_line_a_decision_whose_answer_is_lost_is_made_once(window, found, operator):
    shown = window(operator)
    line = SlowLine(shown, latency=200)
    page = shown.live(f"/tickets/{found.ticket.key}/")
    page.click(f"#discovery-make-task-{found.pk}")
    page.wait_for_selector("#action-dialog[open] form", timeout=SLOW_MS)
    page.fill("#action-reason", "worth it")
    line.lose_acts(True)
    page.locator("#action-dialog [type=submit]").click()
    page.wait_for_selector("#toast >> text=No answer came", timeout=SLOW_MS)
    line.lose_acts(False)

    page.locator("#action-dialog [type=submit]").click()

    page.wait_for_selector("#action-dialog >> text=This is done already", timeout=SLOW_MS)
    assert Task.objects.filter(kind="smell").count() == 1
    assert line.most == 1


def test_it_works_without_script(browser, web, window, found, operator):
    shown = window(operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{found.ticket.key}/")
    page.click(f"#discovery-dismiss-{found.pk}")
    page.fill("#action-reason", "it stays")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(f"#discovery-{found.pk}")).to_contain_text("Dismissed by")
    bare.close()
