"""The page of a ticket's context in a browser: for everybody, live, and on a slow line."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import complete
from tests.support.browser import every_look
from tests.support.slow_proxy import SlowLine
from tickets.models import ContextNote, Task, TaskSpec, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

SLOW_MS = 20_000
NEVER = 1_000_000


@pytest.fixture
def full_context(ticket, operator, ada, settings):
    """A ticket with all that the page can show: tasks, notes, a withdrawn one, versions, a full budget."""
    ContextNote.objects.add(
        ticket,
        "TODO",
        {
            "decision": ["Keep idempotency keys for 30 days", "A word " * 60],
            "risk": ["averylongwordwithoutanyblank" * 20],
            "note": ["Merchants asked for a dry run\nand for a report"],
        },
        by=operator,
    )
    gone, *_ = ContextNote.objects.filter(ticket=ticket)
    ContextNote.objects.withdraw(ticket, gone.pk, by=operator, reason="It is 60 days now")
    Task.objects.add(ticket, [TaskSpec("Write the endpoint")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    result = {
        "summary": "Capture takes an idempotency key",
        "outputs": {"endpoint": "POST /captures"},
        "context": {"decisions": ["Return 409 for another amount"], "risks": "Old clients send no key"},
    }
    complete(claim, by=ada, result=result)
    for to, reason in (("TODO", "think again"), ("DOING", "")):
        Ticket.objects.move(ticket.pk, to, by=operator, reason=reason)
    settings.CONTEXT_TOKENS = 300
    ContextNote.objects.add(ticket, "DOING", {"decision": ["Release it behind a switch"]}, by=operator)
    return Ticket.objects.get(pk=ticket.pk)


@every_look
def test_it_is_for_everybody(window, operator, full_context, theme, size):
    shown = window(operator, size=size, theme=theme)
    page = shown.go(f"/tickets/{full_context.key}/context/")
    page.wait_for_load_state("networkidle")
    assert shown.faults() == []
    for words in ("As the claim gets it", "Withdraw the", "1 withdrawn"):
        page.get_by_text(words).first.click()
    assert shown.faults() == []
    page.locator("#context-text").evaluate("field => field.removeAttribute('maxlength')")
    page.locator("#context-text").fill("x" * 2_001)
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("#refused")
    assert shown.faults() == []
    assert shown.width <= size[0]
    page = shown.go(f"/tickets/{full_context.key}/context/compare/?phase=TODO")
    assert shown.faults() == []
    page = shown.go(f"/tickets/{full_context.key}/")
    page.wait_for_load_state("networkidle")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert [said for said in shown.complaints if "422" not in said] == []


def test_what_another_adds_appears_while_a_text_is_being_typed(window, operator, ticket):
    page = window(operator).live(f"/tickets/{ticket.key}/context/")
    page.locator("#context-text").fill("My own words")

    ContextNote.objects.add(ticket, "TODO", {"risk": ["Old clients"]}, by=operator)

    expect(page.locator("#phase-TODO")).to_contain_text("Old clients", timeout=SLOW_MS)
    expect(page.locator("#context-text")).to_have_value("My own words")


@pytest.mark.parametrize("latency", [200])
def test_a_note_whose_answer_is_lost_is_kept_and_added_once(window, operator, ticket, latency):
    shown = window(operator)
    line = SlowLine(shown, latency=latency, first=NEVER, every=NEVER + 1)
    page = shown.live(f"/tickets/{ticket.key}/context/")
    page.locator("#context-text").fill("Keep keys")
    line.lose_acts(True)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    expect(page.locator("#context-text")).to_have_value("Keep keys")
    line.lose_acts(False)

    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_text("The decision stands")).to_be_visible(timeout=SLOW_MS)
    assert ContextNote.objects.count() == 1


def test_it_works_without_script(window, browser, web, operator, ticket):
    shown = window(operator)
    shown.go(f"/tickets/{ticket.key}/")
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{ticket.key}/context/")
    page.locator("#context-kind").select_option("risk")
    page.locator("#context-text").fill("Old clients")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("The risk stands")).to_be_visible()
    page.get_by_text("Withdraw the risk").click()
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_text("The risk is withdrawn")).to_be_visible()
    bare.close()
