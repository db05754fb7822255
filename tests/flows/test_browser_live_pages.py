"""The overview and the list of agents: on a slow line that loses answers, over a restart of the server, and
open for a day.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Agent
from omoi_site.database import sql
from tests.support.browser import Window
from tests.support.slow_proxy import LINES, SLOW_MS, SlowLine
from tests.support.wait import until
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

CHANGES = 12
# Events about one topic, as many acts in one transaction would write them.
EVENTS = """
INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT p.id, %(topic)s, 'ticket:' || %(round)s || '.' || n, 1, 'ticket.edited', 'system:tests', '', '{}', ''
FROM agents_project p
CROSS JOIN generate_series(1, %(count)s) n
WHERE p.key = 'OMO'
"""


def rename(ticket, ada, operator, text):
    Ticket.objects.act(ticket.pk, "edit", by=operator, title=text)


def retag(ticket, ada, operator, text):
    Agent.objects.act(ada.pk, "edit", by=operator, capabilities=[text])


PAGES = {"/": rename, "/agents/": retag}


@pytest.fixture
def blocked(ticket, operator):
    """So that it is on the overview."""
    Ticket.objects.move(ticket.pk, "BLOCKED", by=operator, reason="Which schema?", cause="clarification")
    return ticket


@pytest.mark.parametrize("latency", LINES)
@pytest.mark.parametrize("address", PAGES)
def test_a_page_shows_the_last_change_however_bad_the_line(
    browser, server, blocked, ada, bob, operator, address, latency
):
    change = PAGES[address]
    shown = Window(browser, server.web, operator)
    line = SlowLine(shown, latency=latency, every=4, first=1)
    page = shown.live(address)

    for n in range(CHANGES):
        change(blocked, ada, operator, f"change-{n}")
        if n == CHANGES // 2:
            server.stop()
            expect(page.locator("#live")).not_to_have_attribute("data-state", "live", timeout=SLOW_MS)
        if n == CHANGES // 2 + 1:
            server.start()

    expect(page.locator("main")).to_contain_text(f"change-{CHANGES - 1}", timeout=SLOW_MS)
    expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=SLOW_MS)
    until(line.quiet, 30)
    assert line.most == 1
    assert page.locator("main").inner_text().count("change-") == 1
    shown.close()


@pytest.mark.parametrize("address", PAGES)
def test_a_page_that_is_open_for_a_day_does_not_grow(window, blocked, ada, bob, operator, address):
    """4,000 signals in 20 turns: what the browser keeps after the first few is what it keeps in the end."""
    change = PAGES[address]
    shown = window()
    page = shown.live(address)
    topics = page.evaluate("live.parts.flatMap(part => part.topics)")
    devtools = shown.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def kept():
        devtools.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
        return {name: found[name] for name in ("JSEventListeners", "Nodes", "JSHeapUsedSize")}

    for turn in range(20):
        for topic in topics[:2]:
            sql.rows(EVENTS, {"topic": topic, "round": turn, "count": 100})
        change(blocked, ada, operator, f"change-{turn}")
        expect(page.locator("main")).to_contain_text(f"change-{turn}")
        if turn == 7:
            before = kept()
    until(lambda: page.evaluate("live.parts.every((part) => part.quiet)"))
    after = kept()

    assert after["JSEventListeners"] <= before["JSEventListeners"] + 10, (before, after)
    assert after["Nodes"] <= before["Nodes"] * 1.2, (before, after)
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] * 1.3, (before, after)
    assert shown.complaints == []
