"""Approvals, artifacts, repositories and statistics on a slow line that loses answers, and over a restart of
the server: what was typed stays, and what was pressed twice is done once and says so.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Member
from tests.factories import allow_workflow, asks_for_approvals, submit
from tests.support.browser import Window
from tests.support.slow_proxy import LINES, SLOW_MS, behind
from tests.support.wait import until
from tickets.models import Approval, Artifact, NewRepository, Repository, Ticket, TicketSpec, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

MADE_OF = "a" * 40


@pytest.fixture
def bea(project, django_user_model):
    person = django_user_model.objects.create_user("bea")
    Member.objects.create(project=project, user=person, role="approver")
    return person


@pytest.fixture
def asking(project, operator, ada, bea):
    workflow = asks_for_approvals(project)
    ticket = Ticket.objects.open(project, TicketSpec("Capture payments", workflow=workflow), by=operator)
    submit(ticket, "notes", b"first", by=ada)
    return ticket


def lost(route):
    """The server does it, and the browser hears nothing."""
    if route.request.method == "POST":
        route.fetch(max_redirects=0)
        route.abort()
    else:
        route.continue_()


# -- approvals


@pytest.mark.parametrize("latency", LINES)
def test_an_approval_that_is_pressed_twice_is_given_once(window, asking, bea, latency):
    shown, line = behind(window(bea), latency)
    page = shown.live(f"/tickets/{asking.key}/")

    page.locator("#approvals-approve").dblclick()

    expect(page.locator("#toast")).to_have_text(f"{asking.key}: you approved it", timeout=SLOW_MS)
    expect(page.locator("#approvals .badge").first).to_have_text("1 of 1", timeout=SLOW_MS)
    until(line.quiet, 30)
    assert Approval.objects.count() == 1
    assert line.most == 1


@pytest.mark.parametrize("latency", LINES)
@pytest.mark.parametrize("decision", ["approve", "request-changes"])
def test_a_decision_whose_answer_is_lost_is_made_once(window, asking, bea, decision, latency):
    shown, line = behind(window(bea), latency)
    page = shown.live(f"/tickets/{asking.key}/")
    button = page.locator(f"#approvals-{decision}")
    if decision != "approve":
        button.click()
        page.fill("#action-reason", "Name the limits", timeout=SLOW_MS)
        button = page.locator("#action-dialog [type=submit]")
    line.lose_acts(True)
    button.click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)

    button.click()

    expect(page.locator("#toast")).to_contain_text(f"{asking.key}: you", timeout=SLOW_MS)
    until(line.quiet, 30)
    assert Approval.objects.count() == 1


def test_the_reason_of_a_decision_outlives_a_restart_of_the_server(browser, server, asking, bea):
    shown = Window(browser, server.web, bea)
    page = shown.live(f"/tickets/{asking.key}/")
    page.click("#approvals-request-changes")
    page.fill("#action-reason", "Name the limits")
    server.stop()
    page.locator("#action-dialog [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    server.start()

    expect(page.locator("#action-reason")).to_have_value("Name the limits")
    page.locator("#action-dialog [type=submit]").click()

    expect(page.locator(".decisions li").first).to_contain_text("Name the limits", timeout=SLOW_MS)
    assert Approval.objects.count() == 1
    shown.close()


# -- artifacts


def fill_in(page, ticket):
    page.goto(f"{page.url.partition('/tickets')[0]}/tickets/{ticket.key}/artifacts/")
    page.fill("#artifact-type", "Test evidence")
    page.fill("#artifact-commit", MADE_OF)
    page.set_input_files(
        "#artifact-file", {"name": "run.log", "mimeType": "text/plain", "buffer": b"all is well\n"}
    )


@pytest.mark.parametrize("latency", LINES)
def test_a_file_that_is_submitted_twice_is_stored_once(window, ticket, latency):
    shown, _ = behind(window(), latency)
    page = shown.go(f"/tickets/{ticket.key}/")
    fill_in(page, ticket)

    page.locator("#submit [type=submit]").dblclick()

    expect(page.get_by_text("run.log is submitted: revision 1")).to_be_visible(timeout=SLOW_MS)
    assert Artifact.objects.count() == 1


@pytest.mark.parametrize("latency", LINES)
def test_an_upload_whose_answer_is_lost_is_told_and_stored_once(window, ticket, ada, latency):
    shown, _ = behind(window(), latency)
    page = shown.go(f"/tickets/{ticket.key}/")
    fill_in(page, ticket)
    page.route("**/artifacts/", lost)
    page.locator("#submit [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is stored twice", timeout=SLOW_MS)
    page.unroute("**/artifacts/")
    submit(ticket, "notes", b"meanwhile", by=ada)
    expect(page.locator("#artifact-commit")).to_have_value(MADE_OF)

    page.locator("#submit [type=submit]").click()

    expect(page.get_by_text("run.log is submitted: revision 1").first).to_be_visible(timeout=SLOW_MS)
    assert Artifact.objects.filter(type="test_evidence").count() == 1


def test_what_is_to_be_submitted_outlives_a_restart_of_the_server(browser, server, operator, ticket):
    shown = Window(browser, server.web, operator)
    page = shown.go(f"/tickets/{ticket.key}/")
    fill_in(page, ticket)
    server.stop()
    page.locator("#submit [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("nothing is stored twice")
    server.start()

    page.locator("#submit [type=submit]").click()

    expect(page.get_by_text("run.log is submitted: revision 1")).to_be_visible()
    assert Artifact.objects.get().commit == MADE_OF
    shown.close()


@pytest.mark.parametrize("latency", LINES)
def test_a_comparison_stays_what_was_chosen_while_a_revision_comes(window, ticket, ada, latency):
    for content in (b"one\n", b"one\ntwo\n", b"one\ntwo\nthree\n"):
        last = submit(ticket, "log", content, by=ada)
    shown, _ = behind(window(), latency)
    page = shown.live(f"/tickets/{ticket.key}/artifacts/{last.pk}/")
    submit(ticket, "log", b"four\n", by=ada)
    expect(page.locator(".revisions li")).to_have_count(4, timeout=SLOW_MS)

    page.get_by_role("link", name="Compare with r1").dblclick()

    expect(page.locator("#compare-title")).to_have_text("log r1 → to r3", timeout=SLOW_MS)
    page.reload()
    expect(page.locator("#compare-title")).to_have_text("log r1 → to r3", timeout=SLOW_MS)


# -- repositories

URL = "https://forge.example/team/shop.git"


def type_repository(page):
    page.fill("#new-name", "shop")
    page.fill("#new-url", URL)
    page.fill("#new-base", "trunk")


@pytest.mark.parametrize("latency", LINES)
def test_a_repository_is_added_once_and_a_lost_answer_is_told(window, project, operator, latency):
    shown, line = behind(window(), latency)
    page = shown.live("/repositories/?project=OMO")
    type_repository(page)
    line.lose_acts(True)
    page.get_by_role("button", name="Add repository").dblclick()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)
    expect(page.locator(".repository")).to_contain_text(URL, timeout=SLOW_MS)
    expect(page.locator("#new-base")).to_have_value("trunk")

    page.get_by_role("button", name="Add repository").click()

    expect(page.locator("#refused")).to_contain_text("OMO has a repository shop already", timeout=SLOW_MS)
    assert page.evaluate("document.activeElement.id") == "refused"
    expect(page.locator("#new-base")).to_have_value("trunk")
    assert Repository.objects.count() == 1


@pytest.mark.parametrize("latency", LINES)
def test_a_repository_is_changed_and_removed_once(window, project, operator, latency):
    Repository.objects.add(project, NewRepository("shop", URL), by=operator)
    shown, line = behind(window(), latency)
    page = shown.live("/repositories/?project=OMO")
    page.get_by_text("Change or remove").click()
    page.locator(".repository [name=base]").fill("trunk")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.locator("main .notice")).to_have_text("shop is changed.", timeout=SLOW_MS)
    page.get_by_text("Change or remove").click()
    page.locator(".repository [type=checkbox]").check()
    page.locator("#live").click()  # what is removed stays on the page
    line.lose_acts(True)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)

    page.get_by_role("button", name="Remove").click()

    expect(page.locator("#toast")).to_contain_text("It is not there any more", timeout=SLOW_MS)
    assert not Repository.objects.exists()


def test_what_is_typed_about_a_repository_outlives_a_restart_of_the_server(
    browser, server, project, operator
):
    shown = Window(browser, server.web, operator)
    page = shown.live("/repositories/?project=OMO")
    type_repository(page)
    server.stop()
    page.get_by_role("button", name="Add repository").click()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice")
    server.start()

    page.get_by_role("button", name="Add repository").click()

    expect(page.locator("main .notice")).to_contain_text("shop was added")
    assert Repository.objects.get().base == "trunk"
    shown.close()


# -- workflows, and their statistics and versions

PHASES = [{"name": "WORK", "to": ["DONE"]}, {"name": "DONE", "to": []}]


def test_the_text_of_a_workflow_outlives_a_restart_of_the_server(browser, server, operator):
    Workflow.objects.install({"name": "quick", "phases": PHASES}, by=operator)
    shown = Window(browser, server.web, operator)
    page = shown.live("/workflows/quick/")
    mine = page.input_value("#workflow-text").replace("WORK", "MINE")
    page.fill("#workflow-text", mine)
    server.stop()
    page.locator("#workflow-save").click()
    expect(page.locator("#toast")).to_contain_text("nothing is saved twice")
    server.start()

    page.locator("#workflow-save").click()

    expect(page.locator("main .message")).to_contain_text("Version 2 is in force", timeout=SLOW_MS)
    assert Workflow.objects.latest_of("quick").source == mine
    shown.close()


@pytest.mark.parametrize("latency", LINES)
def test_statistics_are_those_of_the_time_chosen_last(window, ticket, latency):
    shown, _ = behind(window(), latency)
    page = shown.go("/workflows/simple/statistics/")

    page.get_by_role("link", name="7 days", exact=True).click(no_wait_after=True)
    page.get_by_role("link", name="365 days").dblclick()

    expect(page.locator("#statistics-title")).to_have_text("The last 365 days", timeout=SLOW_MS)
    page.go_back()
    page.go_forward()
    expect(page.locator("#statistics-title")).to_have_text("The last 365 days", timeout=SLOW_MS)


@pytest.mark.parametrize("latency", LINES)
def test_tickets_change_their_version_once_and_a_lost_answer_is_told(window, project, operator, latency):
    first = allow_workflow(project, Workflow.objects.install({"name": "quick", "phases": PHASES}))
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=first), by=operator)
    second = [{**PHASES[0], "automatic": "on_completion"}, PHASES[1]]
    Workflow.objects.install({"name": "quick", "phases": second}, by=operator)
    shown, line = behind(window(), latency)
    page = shown.go(f"/workflows/quick/tickets/?to=2&ticket={ticket.key}")
    page.fill("#reason", "The new way")
    line.lose_acts(True)
    page.get_by_role("button", name="Change 1 ticket").dblclick()
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    line.lose_acts(False)
    expect(page.locator("#reason")).to_have_value("The new way")

    page.get_by_role("button", name="Change 1 ticket").click()

    expect(page.locator("main")).to_contain_text("on version 2 already", timeout=SLOW_MS)
    assert Ticket.objects.get(pk=ticket.pk).workflow.version == 2
