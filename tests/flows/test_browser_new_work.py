"""New tickets, new projects and follow-ups on a slow line that loses answers, and over a restart of the
server or of a session: what was typed stays, and what is sent twice is made once.
"""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from agents.models import Member, Project
from agents.models.sign_in import one_time_path
from tests.support.browser import OVERVIEW, Window
from tests.support.slow_proxy import LINES, SLOW_MS, behind
from tickets.models import Ticket, TicketSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def bea(project, django_user_model):
    person = django_user_model.objects.create_user("bea")
    Member.objects.create(project=project, user=person, role="operator")
    return person


TYPED = ("Capture payments", "Once each,\nnever twice")


def type_ticket(page):
    page.fill("#title", "Capture payments")
    page.fill("#description", "Once each,\nnever twice")


def type_project(page):
    page.fill("#key", "PAY")
    page.fill("#name", "Payments")


def opened():
    return list(Ticket.objects.order_by("id").values_list("title", "description"))


NEW = {
    "ticket": ("/new-ticket/", type_ticket, "#description", TYPED[1], "OMO-1 is open."),
    "project": ("/new-project/", type_project, "#name", "Payments", "PAY was created."),
}


@pytest.mark.parametrize("latency", LINES)
@pytest.mark.parametrize("what", NEW)
def test_what_is_new_is_made_once_though_its_answer_is_lost(window, project, operator, what, latency):
    path, type_it, field, typed, told = NEW[what]
    shown, line = behind(window(), latency)
    page = shown.go(path)
    type_it(page)
    line.lose_acts(True)
    page.locator("main [type=submit]").dblclick()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)
    expect(page.locator(field)).to_have_value(typed)

    page.locator("main [type=submit]").click()

    expect(page.locator("main .notice.ok")).to_contain_text(told, timeout=SLOW_MS)
    assert (Project.objects.count(), opened()) == ((1, [TYPED]) if what == "ticket" else (2, []))


@pytest.mark.parametrize("what", NEW)
def test_what_is_new_outlives_a_restart_of_the_server(browser, server, project, operator, what):
    path, type_it, field, typed, told = NEW[what]
    shown = Window(browser, server.web, operator)
    page = shown.go(path)
    type_it(page)
    server.stop()
    page.locator("main [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    server.start()
    expect(page.locator(field)).to_have_value(typed)

    page.locator("main [type=submit]").click()

    expect(page.locator("main .notice.ok")).to_contain_text(told, timeout=SLOW_MS)
    assert (Project.objects.count(), opened()) == ((1, [TYPED]) if what == "ticket" else (2, []))
    shown.close()


def test_a_ticket_that_is_changed_after_a_lost_answer_is_another_one(window, project, operator):
    shown, line = behind(window(), 0)
    page = shown.go("/new-ticket/")
    type_ticket(page)
    line.lose_acts(True)
    page.locator("main [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    line.lose_acts(False)
    page.fill("#title", "Refund payments")

    page.locator("main [type=submit]").click()

    expect(page.locator("#refused")).to_contain_text("OMO-1 is open.")
    expect(page.locator("#refused a")).to_have_attribute("href", "/tickets/OMO-1/")
    expect(page.locator("#title")).to_have_value("Refund payments")
    assert opened() == [TYPED]
    page.locator("main [type=submit]").click()
    expect(page.locator("main .notice.ok")).to_contain_text("OMO-2 is open.")
    assert opened() == [TYPED, ("Refund payments", TYPED[1])]


def test_what_is_typed_outlives_being_signed_out(window, project, operator):
    shown = window()
    page = shown.go("/new-ticket/")
    type_ticket(page)
    [cookie] = [one for one in shown.context.cookies() if one["name"] == "sessionid"]
    Session.objects.all().delete()
    page.locator("main [type=submit]").click()
    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#title")).to_have_value(TYPED[0])
    other = shown.context.new_page()
    other.goto(f"http://{shown.web.host}{one_time_path(operator)}")
    other.locator("main [type=submit]").click()
    other.wait_for_url(OVERVIEW)
    assert cookie not in shown.context.cookies()

    page.locator("main [type=submit]").click()

    expect(page.locator("main .notice.ok")).to_contain_text("OMO-1 is open.")
    assert opened() == [TYPED]


def test_somebody_else_who_signs_in_sends_nothing_of_it(window, project, operator, bea):
    shown = window()
    page = shown.go("/new-ticket/")
    type_ticket(page)
    other = shown.context.new_page()
    other.goto(f"http://{shown.web.host}{one_time_path(bea)}")
    other.locator("main [type=submit]").click()
    other.wait_for_url(OVERVIEW)

    page.locator("main [type=submit]").click()

    expect(page.locator("#other-person")).to_be_visible()
    expect(page.locator("#title")).to_have_value(TYPED[0])
    assert opened() == []


@pytest.fixture
def done(project, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Capture payments"), by=operator)
    for phase in ("DOING", "DONE"):
        Ticket.objects.move(ticket.pk, phase, by=operator)
    return ticket


@pytest.mark.parametrize("latency", LINES)
@pytest.mark.parametrize("alone", [False, True], ids=["in the dialog", "on its own page"])
def test_a_follow_up_whose_answer_is_lost_is_opened_once(window, done, latency, alone):
    shown, line = behind(window(), latency)
    if alone:
        page, box = shown.go(f"/tickets/{done.key}/follow-up/"), "main"
    else:
        page, box = shown.live(f"/tickets/{done.key}/"), "#action-dialog"
        page.click("#main-follow-up")
    page.fill("#action-reason", "Tell the customers", timeout=SLOW_MS)
    line.lose_acts(True)
    page.locator(f"{box} [type=submit]").dblclick()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)
    expect(page.locator("#action-reason")).to_have_value("Tell the customers")

    page.locator(f"{box} [type=submit]").click()

    expect(page.locator(f"{box} #refused")).to_contain_text("nothing was done twice", timeout=SLOW_MS)
    assert Ticket.objects.filter(title="Tell the customers").count() == 1


@pytest.mark.parametrize("alone", [False, True], ids=["in the dialog", "on its own page"])
def test_a_follow_up_outlives_a_restart_of_the_server(browser, server, operator, done, alone):
    shown = Window(browser, server.web, operator)
    if alone:
        page, box = shown.go(f"/tickets/{done.key}/follow-up/"), "main"
    else:
        page, box = shown.live(f"/tickets/{done.key}/"), "#action-dialog"
        page.click("#main-follow-up")
    page.fill("#action-reason", "Tell the customers")
    server.stop()
    page.locator(f"{box} [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    server.start()
    expect(page.locator("#action-reason")).to_have_value("Tell the customers")

    page.locator(f"{box} [type=submit]").click()

    told = "main .notice.ok" if alone else "#toast"
    expect(page.locator(told)).to_contain_text("OMO-2 was opened as a follow-up of OMO-1", timeout=SLOW_MS)
    assert Ticket.objects.filter(title="Tell the customers").count() == 1
    shown.close()
