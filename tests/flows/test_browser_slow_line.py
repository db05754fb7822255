"""Pages on a slow connection that loses answers: one request at a time, no wrong act, and typed text is
kept.
"""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from playwright.sync_api import expect

from tests.support.slow_proxy import SlowLine, now
from tests.support.wait import until
from tickets.models import PhaseMove, Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

LINES = [0, 200, 1000]  # ms


@pytest.fixture
def plain(project, operator):
    """A ticket in TODO of `simple`."""
    return Ticket.objects.open(project, TicketSpec("Partial refunds"), by=operator)


def edit(ticket, by, **fields):
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.edit(by=by, **fields)


def standing(page):
    return page.locator(".steps [aria-current=step] .step-name").inner_text().split(",")[0].strip()


@pytest.mark.parametrize("latency", LINES)
def test_two_clicks_behind_a_slow_line_are_one_act(window, plain, operator, django_user_model, latency):
    shown = window()
    line = SlowLine(shown, latency=latency, first=3)
    page = shown.live(f"/tickets/{plain.key}/")
    dana = django_user_model.objects.create_superuser("dana", password=None)

    page.locator("#main-advance").dblclick()
    page.wait_for_selector("#action-dialog[open] form", timeout=20_000)
    for priority in (0, 1, 3):
        Task.objects.add(plain, [TaskSpec(f"Task {priority}", phase="DOING")], by=dana)
    page.locator("#action-dialog [type=submit]").dblclick()
    page.wait_for_selector("#action-dialog:not([open])", state="attached", timeout=20_000)
    last = now()

    until(lambda: standing(page) == "Doing" and line.quiet(), 30)
    assert PhaseMove.objects.filter(ticket=plain, by="user:admin").count() == 2  # its birth, and this
    expect(page.locator(".task")).to_have_count(3)
    assert line.most == 1
    assert line.fetches_since(last) <= 2


@pytest.mark.parametrize("latency", LINES)
def test_an_act_whose_answer_is_lost_is_done_once(window, plain, latency):
    shown = window()
    line = SlowLine(shown, latency=latency)
    page = shown.live(f"/tickets/{plain.key}/")
    page.locator("#main-advance").click()
    page.wait_for_selector("#action-dialog[open] form", timeout=20_000)
    line.lose_acts(True)
    page.locator("#action-dialog [type=submit]").click()
    page.wait_for_selector("#toast >> text=No answer came", timeout=20_000)
    line.lose_acts(False)

    page.locator("#action-dialog [type=submit]").click()

    page.wait_for_selector("#action-dialog >> text=This is done already", timeout=20_000)
    assert Ticket.objects.get(pk=plain.pk).phase == "DOING"
    expect(page.locator("#action-dialog form")).to_have_count(0)
    until(lambda: standing(page) == "Doing" and line.quiet(), 30)
    assert line.most == 1


def test_a_button_that_is_out_of_date_does_nothing_else(window, plain, django_user_model):
    page = window().live(f"/tickets/{plain.key}/")
    page.locator("#live").click()  # updates are paused: the page goes on saying what it said
    dana = django_user_model.objects.create_superuser("dana", password=None)
    Ticket.objects.move(plain.pk, "DOING", by=dana)

    page.locator("#main-advance").click()

    page.wait_for_selector("#action-dialog >> text=dana was faster")
    expect(page.locator("#action-dialog form")).to_have_count(0)
    until(lambda: standing(page) == "Doing")
    assert Ticket.objects.get(pk=plain.pk).phase == "DOING"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "main-advance"


@pytest.mark.parametrize("latency", LINES)
def test_what_is_typed_wins_over_30_updates(window, project, operator, latency):
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"Refund {n}" if n % 3 else f"Fraud {n}"), by=operator)
        for n in range(12)
    ]
    shown = window()
    line = SlowLine(shown, latency=latency)
    page = shown.live("/board/?project=OMO")

    def churn():
        try:
            for n in range(30):
                edit(tickets[n % 12], operator, priority=n % 4)
        finally:
            connection.close()

    churning = threading.Thread(target=churn)
    churning.start()
    page.locator("#q").press_sequentially("fraud", delay=60)
    page.evaluate("document.getElementById('q').setSelectionRange(2, 3)")
    churning.join()
    edit(tickets[0], operator, title="Fraud at last")
    last = now()

    until(lambda: page.evaluate("location.search.includes('q=fraud')") and line.quiet(), 40)
    assert sorted(page.locator(".ticket-card-title").all_inner_texts()) == [
        "Fraud 3",
        "Fraud 6",
        "Fraud 9",
        "Fraud at last",
    ]
    expect(page.locator("#q")).to_have_value("fraud")
    assert page.evaluate("[document.activeElement.id, q.selectionStart, q.selectionEnd]") == ["q", 2, 3]
    assert line.most == 1
    assert line.fetches_since(last) <= 2


def test_an_answer_that_never_comes_is_given_up(window, plain, operator):
    page = window().live("/board/?project=OMO")
    page.evaluate("""() => { const real = fetch;
        TIMEOUTS_MS.part = 100; window.fetch = (address, options) => {
        window.fetch = real;
        return new Promise((_, no) =>
          options.signal.addEventListener('abort', () => no(new DOMException('', 'AbortError'))));
    } }""")
    edit(plain, operator, title="Renamed meanwhile")
    page.evaluate("TIMEOUTS_MS.part = 100")
    until(lambda: page.evaluate("live.parts[0].failures") == 1)
    page.evaluate("TIMEOUTS_MS.part = 10000")
    page.wait_for_selector("text=Renamed meanwhile")


def test_the_board_stays_where_it_was_scrolled(window, project, operator):
    tickets = [Ticket.objects.open(project, TicketSpec(f"Ticket {n}"), by=operator) for n in range(30)]
    page = window(size=(700, 500)).live("/board/?project=OMO&open=DONE")
    page.evaluate("scrollTo(0, 400); document.querySelector('#board').scrollLeft = 60")
    page.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    before = page.evaluate("[scrollY, board.scrollLeft]")
    why = {"reason": "Which schema?", "cause": "clarification"}
    Ticket.objects.move(tickets[29].pk, "BLOCKED", by=operator, **why)  # a column more
    edit(tickets[28], operator, priority=0)  # the last card is the first
    page.wait_for_selector("#column-BLOCKED .ticket-card")
    until(lambda: page.locator("#column-TODO .ticket-card-title").first.inner_text() == "Ticket 28")
    page.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    assert page.evaluate("[scrollY, board.scrollLeft]") == before


@pytest.mark.parametrize("key", ["a", "?"])
def test_a_dialog_opened_by_a_key_gives_the_focus_back(window, plain, key):
    page = window().live(f"/tickets/{plain.key}/")
    page.keyboard.press(key)
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == {"a": "main-advance", "?": "main"}[key]


def test_the_focus_goes_on_when_what_opened_a_dialog_is_gone(window, plain, operator):
    page = window().live(f"/tickets/{plain.key}/")
    page.keyboard.press("a")
    page.wait_for_selector("#action-dialog[open]")
    Ticket.objects.move(plain.pk, "BLOCKED", by=operator, reason="Which schema?", cause="clarification")
    until(lambda: page.locator("#main-advance").count() == 0)
    page.keyboard.press("Escape")
    until(lambda: page.evaluate("document.activeElement.id") in ("main-unblock", "more"))
