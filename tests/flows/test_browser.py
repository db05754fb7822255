"""Pages in a browser: live, calm, for everybody."""

from __future__ import annotations

import statistics
import time

import pytest
from playwright.sync_api import expect

from agents.models import Agent
from tests import factories
from tests.factories import complete, fail
from tests.support.browser import OVERVIEW, PHONE, WIDE, every_look
from tests.support.wait import until
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backlog(project, ada, operator):
    """Tickets in every state: ready, running, failed, waiting, blocked, paused, done, without a task, with
    a long title.
    """
    titles = [
        "Idempotent payment capture",
        "Partial refunds",
        "Fraud score on checkout",
        "Search across threads",
        "Done already",
    ]
    made = [
        Ticket.objects.open(
            project, TicketSpec(title, tasks=[TaskSpec(title)], labels=["payments"]), by=operator
        )
        for title in titles
    ]
    first = {ticket.pk: ticket.tasks.get() for ticket in made}
    Need.objects.add(project.pk, [Edge(first[made[0].pk].pk, first[made[3].pk].pk)], by=operator)
    claims = Task.objects.claim(by=ada, limit=4)
    by_ticket = {claim.ticket_id: claim for claim in claims}
    fail(by_ticket[made[2].pk], by=ada, error="TimeoutError in reconcile_batch()", kind="permanent")
    complete(by_ticket[made[4].pk], by=ada)
    Ticket.objects.open(
        project,
        TicketSpec("A title of some length " * 5, description="Why\n\nBecause.", priority=0),
        by=operator,
    )
    blocked = Ticket.objects.open(project, TicketSpec("Which schema", tasks=[TaskSpec("Ask")]), by=operator)
    with Ticket.objects.locked(pk=blocked.pk) as row:
        row.block(by=operator, reason="Which of the two schemas is meant?", cause="clarification")
    with Ticket.objects.locked(pk=made[1].pk) as row:
        row.pause(by=operator, reason="Until the release is out")
    Ticket.objects.advance_due()
    return made


PAGES = {
    "board": "/board/?project=OMO&open=DONE",
    "ticket": "/tickets/OMO-4/",
    "failed ticket": "/tickets/OMO-3/",
    "no match": "/board/?project=OMO&q=zzzz",
    "admin": "/admin/",
    "admin list": "/admin/tickets/ticket/",
    "folded board": "/board/?project=OMO&fold=TODO&view=attention",
    "admin task list": "/admin/tickets/task/",
    "admin form": "/admin/tickets/ticket/1/change/",
    "admin add": "/admin/agents/key/add/",
    "workflows": "/workflows/",
    "workflow": "/workflows/simple/",
    "earlier version": "/workflows/simple/?version=1",
    "new workflow": "/new-workflow/?from=example",
    "change versions": "/workflows/simple/tickets/",
    "new project": "/new-project/",
    "new ticket": "/new-ticket/?project=OMO",
    "submit": "/tickets/OMO-4/artifacts/",
    "missing": "/tickets/OMO-999/",
}


def check(shown, path, *, size):
    page = shown.go(path)
    page.wait_for_load_state("networkidle")
    assert shown.faults() == [], path
    assert shown.width <= size[0], path
    assert shown.trailing_dots() == [], path


@every_look
def test_every_page_is_for_everybody(window, backlog, theme, size):
    shown = window(size=size, theme=theme)
    for path in PAGES.values():
        check(shown, path.replace("/1/", f"/{backlog[0].pk}/"), size=size)
    stranger = window(user=None, size=size, theme=theme)
    check(stranger, "/login/", size=size)
    assert shown.elsewhere + stranger.elsewhere == []
    assert [said for said in shown.complaints if "404" not in said] == []


@pytest.mark.full
def test_board_and_sign_in_are_for_everybody(window, backlog):
    shown = window(size=PHONE, theme="dark")
    check(shown, PAGES["board"], size=PHONE)
    check(window(user=None), "/login/", size=WIDE)
    assert shown.elsewhere == []
    assert shown.complaints == []


@pytest.mark.full
@pytest.mark.alone
def test_a_finished_task_shows_on_an_open_board_within_300_ms(window, project, ada, operator):
    """At least half of the tries must. Other work on the machine may disturb a round, so the best of three
    counts.
    """
    for prefix in ("a", "b", "c"):
        took = times_to_show(window, project, ada, operator, prefix)
        print(f"finished to visible: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")
        if statistics.median(took) < 300:
            return
    pytest.fail(f"a median of {statistics.median(took):.0f} ms in the last of three rounds")


def times_to_show(window, project, ada, operator, prefix, tries=8):
    tickets = [
        Ticket.objects.open(
            project, TicketSpec(f"Ticket {prefix}{n}", tasks=[TaskSpec("a"), TaskSpec("b")]), by=operator
        )
        for n in range(tries)
    ]
    Agent.objects.filter(pk=ada.pk).update(capacity=100)
    claims = {claim.ticket: claim for claim in Task.objects.claim(by=ada, limit=100)}
    page = window().live("/board/?project=OMO")
    page.evaluate(SEEN)
    took = []
    for ticket in tickets:
        until(lambda: page.evaluate("live.parts.every((part) => part.quiet && performance.now() > part.due)"))
        done = time.time()
        complete(claims[ticket.key], by=ada)
        until(lambda key=ticket.key: page.evaluate("key => seen[key]", key) == "1/2")
        took.append(page.evaluate(f"at[{ticket.key!r}]") - done * 1000)
    return took


# notes when a card's count changes, by the clock of the machine
SEEN = """() => {
    window.seen = {}; window.at = {};
    const look = () => { for (const card of document.querySelectorAll('.ticket-card')) {
        const key = card.id.slice(5), count = card.querySelector('.ticket-card-foot span').textContent;
        if (seen[key] !== count) { seen[key] = count; at[key] = Date.now(); } } };
    look();
    const changes = {subtree: true, childList: true, characterData: true, attributes: true};
    new MutationObserver(look).observe(document.body, changes);
}"""


@pytest.mark.full
def test_typed_text_focus_and_scroll_survive_live_updates(window, project, ada, operator):
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"Ticket {n}", tasks=[TaskSpec("a")]), by=operator)
        for n in range(30)
    ]
    page = window(size=(1440, 500)).live("/board/?project=OMO")
    page.locator("#q").fill("Tick")
    until(lambda: page.evaluate("location.search.includes('q=Tick')"))
    page.locator("#q").press_sequentially("et", delay=1)
    page.evaluate("scrollTo(0, 200)")
    for n in range(10):
        with Ticket.objects.locked(pk=tickets[n].pk) as row:
            row.edit(by=operator, priority=n % 3)
        page.evaluate("markParts('*')")
    until(lambda: page.evaluate("live.parts.every((part) => part.quiet)"))
    assert page.evaluate("document.activeElement.id") == "q"
    expect(page.locator("#q")).to_have_value("Ticket")
    assert page.evaluate("scrollY") == 200

    page.locator(f"#card-link-{tickets[5].key}").focus()
    for _ in range(5):
        with Ticket.objects.locked(pk=tickets[0].pk) as row:
            row.edit(by=operator, title=f"Ticket {time.time()}")
    new = Ticket.objects.get(pk=tickets[0].pk).title
    page.wait_for_selector(f"text={new}")
    assert page.evaluate("document.activeElement.id") == f"card-link-{tickets[5].key}"


@pytest.mark.full
def test_a_board_that_lost_its_socket_says_so_and_catches_up(window, web, project, ada, operator, task):
    page = window().live("/board/?project=OMO")
    page.context.set_offline(True)
    page.evaluate("live.socket.close()")
    page.wait_for_selector("#live[data-state=lost]")
    page.wait_for_selector("#banner:not([hidden])")
    Ticket.objects.open(project, TicketSpec("Opened meanwhile"), by=operator)
    page.context.set_offline(False)
    page.wait_for_selector("#live[data-state=live]", timeout=20_000)
    page.wait_for_selector("text=Opened meanwhile")
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.full
def test_without_a_socket_the_board_asks_now_and_then(window, project, operator, task):
    shown = window()
    shown.page.route_web_socket("**/ws/live/", lambda socket: socket.close())
    page = shown.go("/board/?project=OMO")
    Ticket.objects.open(project, TicketSpec("Opened meanwhile"), by=operator)
    page.evaluate("poll()")
    page.wait_for_selector("text=Opened meanwhile")
    page.wait_for_selector("#live[data-state=polling]")


@pytest.mark.full
def test_filters_stand_in_the_address_and_back_works(window, backlog):
    page = window().live("/board/?project=OMO")
    page.locator("#q").fill("refunds")
    page.wait_for_url("**q=refunds*")
    expect(page.locator(".ticket-card")).to_have_count(1)
    page.go_back()
    page.wait_for_selector("text=Fraud score on checkout")
    expect(page.locator("#q")).to_have_value("")


def test_the_keyboard_walks_the_board(window, backlog):
    page = window().live("/board/?project=OMO")
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.id")
    page.keyboard.press("l")
    beside = page.evaluate("document.activeElement.id")
    assert first.startswith("card-link-")
    assert beside.startswith("card-link-")
    assert first != beside
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/**")
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url("**/board/**")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("?jk")
    expect(page.locator("#q")).to_have_value("?jk")
    page.keyboard.press("Tab")
    page.locator("#main").focus()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()


@pytest.mark.full
def test_the_theme_is_remembered(window, project):
    shown = window(theme="light")
    page = shown.go("/board/")
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    for path in ("/board/", "/admin/", "/tickets/NO-1/"):
        assert "dark" in shown.go(path).evaluate("getComputedStyle(document.documentElement).colorScheme"), (
            path
        )


@pytest.mark.full
def test_a_link_signs_in_once(window, operator, project):
    from agents.models.sign_in import one_time_path

    path = one_time_path(operator)
    page = window(user=None).go(path)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(OVERVIEW)
    again = window(user=None).go(path)
    expect(again.get_by_text("no longer works")).to_be_visible()


@pytest.mark.full
def test_a_page_works_without_script(browser, web, operator, backlog):
    from tests.support.browser import Window

    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/board/?project=OMO")
    page.locator("#q").fill("refunds")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**q=refunds*")
    expect(page.locator(".ticket-card")).to_have_count(1)
    bare.close()
    shown.close()


@pytest.mark.full
def test_project_without_tickets_says_what_to_do(window, project):
    page = window().go("/board/?project=OMO")
    expect(page.get_by_text("No ticket in OMO yet")).to_be_visible()


@pytest.mark.full
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_columns_of_the_default_board_fit_and_their_heads_are_whole(window, project, ada, operator, size):
    delivery = factories.busy_ticket(project, by=operator, agent=ada)
    with Ticket.objects.locked(title="Partial refunds") as row:
        row.archive(by=operator)  # of another workflow, whose phases would be columns too
    with Ticket.objects.locked(
        pk=Ticket.objects.open(project, TicketSpec(workflow=delivery.workflow, title="Stuck"), by=operator).pk
    ) as row:
        row.block(by=operator, reason="Which of the two schemas is meant?", cause="clarification")
    gone = Ticket.objects.open(
        project, TicketSpec(workflow=delivery.workflow, title="Not wanted"), by=operator
    )
    Ticket.objects.move(gone.pk, "CANCELLED", by=operator, reason="not wanted")
    page = window(size=size).live("/board/?project=OMO")
    page.wait_for_load_state("networkidle")

    columns = page.evaluate(COLUMNS)

    assert len(columns) >= 8
    assert [column["name"] for column in columns if column["cut"]] == []
    assert {round(column["top"]) for column in columns} == {round(columns[0]["top"])}, (
        "folded columns stand in line with the others"
    )
    widths = {round(column["right"] - column["left"]) for column in columns if not column["folded"]}
    assert max(widths) - min(widths) <= 1, "a column is as wide without tickets as with them"
    if size == WIDE:
        assert page.evaluate("board.scrollWidth <= board.clientWidth")
        page.set_viewport_size({"width": 900, "height": 900})
        page.evaluate("board.scrollLeft = 0")
        edge = page.evaluate("board.getBoundingClientRect().right")
        folded = [column for column in page.evaluate(COLUMNS) if column["folded"]]
        assert folded
        assert all(column["right"] <= edge + 1 for column in folded), "folded columns stay in sight"
        assert len({round(column["left"]) for column in folded}) == len(folded), "and beside each other"


COLUMNS = """() => [...document.querySelectorAll('#board > .column')].map((column) => {
    const head = column.querySelector('h2') || column.querySelector('span');
  const box = column.getBoundingClientRect();
    return {name: head.textContent, folded: column.matches('.folded'),
          cut: head.scrollWidth > head.clientWidth + 1 && column.matches('section'),
            top: box.top, left: box.left, right: box.right};
})"""


@pytest.mark.full
def test_the_heads_of_eight_open_columns_are_one_line_each(window, project, operator):
    names = [
        "BACKLOG",
        "REQUIREMENTS",
        "DESIGN",
        "IMPLEMENTATION",
        "TESTING",
        "REVIEW",
        "DEPLOYMENT",
        "OPERATION",
        "DONE",
    ]
    phases = [{"name": name, "to": names[at + 1 : at + 2]} for at, name in enumerate(names)]
    workflow = Workflow.objects.install({"name": "long", "phases": phases})
    workflow = factories.allow_workflow(project, workflow)
    Ticket.objects.open(project, TicketSpec("Capture payments", workflow=workflow), by=operator)
    shown = window()
    page = shown.live("/board/?project=OMO")

    heights = page.evaluate("all('.column > header').map((head) => Math.round(head.offsetHeight))")

    assert heights == [36] * 8
    fold = page.locator("#column-TESTING .column-fold")
    assert fold.evaluate("(link) => getComputedStyle(link).opacity") == "0"
    page.keyboard.press("Tab")  # so that the browser shows where the focus is
    fold.focus()
    assert fold.evaluate("(link) => getComputedStyle(link).opacity") == "1"
    assert shown.faults() == []


@pytest.mark.full
def test_the_page_of_the_routes_breaks_no_rule_of_ours(window):
    shown = window()
    page = shown.go("/api/v1/docs/")

    expect(page.locator("#swagger-ui .info .title")).to_contain_text("Omoi", timeout=60_000)

    assert shown.complaints == []
