"""The pages of agents in a browser: for everybody, live, by keyboard, on a slow line and without script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from agents.models import Agent, AgentSpec, Event, Key, Pool
from omoi_site.database import sql
from tests.factories import complete, fail
from tests.support.browser import PHONE, WIDE
from tests.support.slow_proxy import SlowLine
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

LOOKS = [
    pytest.param("dark", PHONE, id="phone-dark"),
    pytest.param("light", PHONE, id="phone-light"),
    pytest.param("dark", WIDE, id="wide-dark"),
    pytest.param("light", WIDE, id="wide-light"),
]


@pytest.fixture
def fleet(project, ada, bob, operator):
    """ada is silent and holds two tasks; bob is out of service and has something behind it; a pool is closed.
    Others have long names and texts.
    """
    pool = Pool.objects.create_pool("anthropic:team", by=operator, limit=20)
    capabilities = [f"capability-{n}" for n in range(12)]
    Agent.objects.act(ada.pk, "edit", by=operator, capabilities=capabilities, pools=[pool.name])
    spec = AgentSpec("a-name-of-some-length-" * 2, capacity=500, capabilities=["x" * 100])
    Agent.objects.register(spec, projects=[project], by=operator)
    spec = TicketSpec("Ship it", tasks=[TaskSpec(f"Write the endpoint {n}" * 4) for n in range(6)])
    Ticket.objects.open(project, spec, by=operator)
    first, second = Task.objects.claim(by=bob, limit=2)
    complete(first, by=bob)
    fail(second, by=bob, error="TimeoutError in reconcile_batch() " * 8, kind="permanent")
    claims = Task.objects.claim(by=ada, limit=2)
    Task.objects.report_progress(claims[0].task, claims[0].fence, {"message": "half", "percent": 50}, by=ada)
    reason = "It wrote outside of its worktree. " * 3
    Agent.objects.act(bob.pk, "quarantine", by=operator, reason=reason)
    Key.objects.issue(by=operator, agent=ada)
    ahead = timezone.now() + timedelta(hours=2)
    Pool.objects.act(pool.pk, "close", by=operator, reason="429 Too Many Requests", resets_at=ahead)
    sql.rows(
        """
        UPDATE agents_agentpresence
        SET
          last_seen_at = clock_timestamp() - interval '200 s',
          minutes = (repeat('0', 200) || repeat('1', 900) || repeat('0', 40) || repeat('1', 300))::bit(1440)
        WHERE agent_id = %s
        """,
        [ada.pk],
    )


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_they_are_for_everybody(window, operator, fleet, theme, size):
    shown = window(operator, size=size, theme=theme)
    for path in ("/agents/", "/agents/ada/"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
        assert shown.trailing_dots() == [], path
    assert shown.complaints == []


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_so_are_what_is_rarer(window, operator, fleet, theme, size):
    shown = window(operator, size=size, theme=theme)
    paths = ("/agents/bob/", "/agents/?q=nothing", "/agents/?view=all&status=stale", "/agents/ada/retire/")
    for path in (*paths, "/agents/nobody/"):
        page = shown.go(path)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], path
        assert shown.width <= size[0], path
    page = shown.live("/agents/ada/")
    page.locator("#more").click()
    page.locator("#act-retire").click()
    page.locator("#action-dialog[open]").wait_for()
    assert shown.faults() == []
    assert [said for said in shown.complaints if "404" not in said] == []


def test_the_list_is_walked_and_acted_on_by_keys_and_is_live(window, operator, fleet, ada, bob):
    page = window(operator).live("/board/")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_selector("#live[data-state=live]")
    page.keyboard.press("j")
    expect(page.locator(f"#open-{ada.pk}")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#open-{bob.pk}")).to_be_focused()

    Agent.objects.act(bob.pk, "make_available", by=operator)
    expect(page.locator(f"#agent-{bob.pk} .badge")).to_have_text("idle")
    expect(page.locator(f"#open-{bob.pk}")).to_be_focused()  # though its row stands elsewhere now

    page.locator(f"#requeue-{ada.pk}").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why").fill("Its host is gone")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("2 tasks of ada back in the queue")
    expect(page.locator(f"#agent-{ada.pk} .agent-work")).to_contain_text("nothing")
    assert Event.objects.filter(kind="task.revoked", reason="Its host is gone").count() == 2


def test_an_agent_that_is_retired_elsewhere_takes_no_act_of_an_open_page(window, operator, fleet, ada):
    page = window(operator).live("/agents/ada/")
    page.locator("#more").click()
    page.locator("#act-drain").click()
    page.get_by_label("Why").fill("Its host is replaced")

    Agent.objects.act(ada.pk, "retire", by=operator, reason="Its host is gone")
    page.locator("#action-dialog [type=submit]").click()

    expect(page.locator("#refused")).to_contain_text("retired it (Its host is gone)")
    expect(page.locator("#action-dialog")).to_contain_text("You wrote: Its host is replaced")
    page.keyboard.press("Escape")
    expect(page.locator("#agent-part .badge").first).to_have_text("retired")
    expect(page.locator("#more")).to_have_count(0)


def test_on_a_slow_line_an_act_is_done_once(window, operator, fleet, ada):
    shown = window(operator)
    line = SlowLine(shown, latency=200, first=0)
    page = shown.live("/agents/")
    page.locator(f"#requeue-{ada.pk}").click()
    page.get_by_label("Why").fill("Its host is gone")
    page.locator("#action-dialog [type=submit]").dblclick()

    expect(page.locator("#toast")).to_have_text("2 tasks of ada back in the queue")
    expect(page.locator(f"#requeue-{ada.pk}")).to_have_count(0)
    assert line.most == 1
    assert Event.objects.filter(kind="task.revoked").count() == 2


def test_the_filter_stands_in_the_address_and_works_without_script(browser, window, operator, fleet, bob):
    shown = window(operator)
    page = shown.live("/agents/")
    page.keyboard.press("/")
    page.keyboard.type("bob")
    expect(page.locator(".agent")).to_have_count(1)
    expect(page).to_have_url(f"http://{shown.web.host}/agents/?q=bob")
    page.go_back()
    expect(page.locator(".agent")).to_have_count(3)

    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{shown.web.host}/agents/")
    page.locator("#tile-out").click()
    assert page.locator(".agent").count() == 1
    page.get_by_role("button", name="Resume bob").click()
    assert "bob takes work again" in page.locator("main .notice").inner_text()
    page.goto(f"http://{shown.web.host}/agents/bob/drain/")
    page.get_by_label("Why").fill("Its host is replaced")
    page.get_by_role("button", name="Drain").click()
    assert page.url.endswith("/agents/bob/")
    assert page.locator("#agent-part .badge").first.inner_text() == "draining"
    bare.close()
