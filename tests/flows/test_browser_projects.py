"""Freezes, projects and the first steps in a browser: for everybody, live, on a slow line, once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Member, Pool, Project, ProjectSpec
from tests.support.browser import every_look
from tests.support.slow_proxy import SLOW_MS, behind
from tickets.models import Freeze, Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def other(operator):
    name = "A name of some length that says what is done in this project, and for whom it is done there"
    return Project.objects.create_project(ProjectSpec("RND", name, workflow="simple"), by=operator)


@pytest.fixture
def eve(project, operator, django_user_model):
    person = django_user_model.objects.create_user("eve")
    Member.objects.set(project, person, "operator", by=operator)
    return person


def lost(route):
    """The server does it, and the browser hears nothing."""
    if route.request.method == "POST":
        route.fetch(max_redirects=0)
        route.abort()
    else:
        route.continue_()


@every_look
def test_pages_of_projects_and_freezes_are_for_everybody(
    window, operator, project, other, eve, task, ada, theme, size
):
    Task.objects.claim(by=ada)
    Pool.objects.create_pool("team", by=operator, project=project)
    Project.objects.act(project.pk, "edit", by=operator, max_agents=1)
    Project.objects.act(project.pk, "pause_phase", phase="TODO", by=operator, reason="Lunch " * 40)
    Freeze.objects.freeze(by=operator, reason="An agent deletes what it should not " * 30)
    Freeze.objects.thaw(other, by=operator)
    shown = window(operator, size=size, theme=theme)
    for address in ("/projects/", "/projects/OMO/", "/freeze/", "/projects/NONE/", "/agents/"):
        page = shown.go(address)
        page.wait_for_load_state("networkidle")
        assert shown.faults() == [], address
        assert shown.width <= size[0], address
    shown.go("/freeze/")
    page.locator("#thaw-all summary").click()
    page.locator("#freeze-reason").fill("\u200b")
    page.locator("#freeze-reason").evaluate("field => field.form.requestSubmit()")
    page.wait_for_selector("#refused")
    assert shown.faults() == []
    shown.go("/projects/OMO/")
    page.locator(".project-more summary").first.click()
    page.locator(
        f"[popovertarget=projects-menu]{'.narrow-only' if size[0] < 860 else '.project-switch'}"
    ).click()
    assert shown.faults() == []
    assert [said for said in shown.complaints if "422" not in said and "404" not in said] == []


@every_look
def test_the_first_steps_are_for_everybody(window, operator, theme, size):
    shown = window(operator, size=size, theme=theme)
    page = shown.go("/")
    assert shown.faults() == []
    page.locator("#step-key").fill("PAY")
    page.get_by_role("button", name="Create project").click()
    page.locator("#step-agent").fill("ada")
    assert shown.faults() == []
    page.get_by_role("button", name="Register and show its key").click()
    expect(page.locator("#agent-key")).to_contain_text("omoi_")
    assert shown.faults() == []
    assert shown.width <= size[0]
    page.get_by_role("link", name="I have the key").click()
    page.locator("#step-title").fill("Refunds")
    page.get_by_role("button", name="Open ticket").click()
    page.wait_for_url("**/board/?project=PAY")
    expect(page.get_by_text("Refunds")).to_be_visible()


def test_a_freeze_is_on_open_pages_of_everybody_and_goes_again(window, operator, eve, task):
    board = window(eve).live("/board/")
    desk = window().live("/freeze/")
    expect(board.locator("#frozen")).to_be_hidden()

    desk.locator("#freeze-reason").fill("Smoke")
    desk.get_by_role("button", name="Freeze", exact=True).click()
    expect(board.locator("#frozen")).to_contain_text("Everything is frozen by admin: Smoke")
    expect(desk.locator(".message")).to_contain_text("Nothing is granted any more")

    desk.locator("#thaw-all summary").click()
    desk.get_by_role("button", name="Let go on").click()
    expect(board.locator("#frozen")).to_be_hidden()


def test_a_freeze_whose_answer_is_lost_is_in_force_and_the_next_press_says_so(window, operator, project):
    shown, _ = behind(window(operator), 1000)
    page = shown.live("/freeze/")
    page.locator("#freeze-reason").fill("Smoke")
    page.route("**/freeze/", lost)
    button = page.get_by_role("button", name="Freeze", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    expect(page.locator("#toast")).to_contain_text("nothing is done twice", timeout=SLOW_MS)
    expect(page.locator("#freeze-reason")).to_have_value("Smoke")
    assert Freeze.objects.get().reason == "Smoke"
    page.unroute("**/freeze/")

    button.click()

    expect(page.locator(".message")).to_contain_text("was frozen already", timeout=SLOW_MS)
    assert Freeze.objects.count() == 1


def test_a_member_who_is_removed_while_the_page_is_open_is_told(window, operator, project, eve):
    page = window(eve).live("/projects/OMO/")

    Member.objects.remove(project, eve, by=operator)

    expect(page.get_by_role("heading", name="No such project")).to_be_visible()


def test_what_is_typed_outlives_what_others_change(window, operator, project, eve):
    page = window(operator).live("/projects/OMO/")
    page.locator("#limit-max_agents").fill("7")
    page.locator(".project-more summary").first.click()
    page.locator(".project-more select").first.select_option("approver")

    Project.objects.act(project.pk, "pause", by=operator, reason="Costs")

    expect(page.locator("#about-title ~ .badge.warn")).to_contain_text("Paused")
    expect(page.locator("#limit-max_agents")).to_have_value("7")
    expect(page.locator(".project-more select").first).to_have_value("approver")
    page.get_by_role("button", name="Save limits").click()
    expect(page.locator("#refused")).to_contain_text("OMO has changed since you opened the page")
    expect(page.locator("#limit-max_agents")).to_have_value("7")
    page.get_by_role("button", name="Save limits").click()
    expect(page.locator(".message")).to_contain_text("The limits of OMO are saved")
    assert Project.objects.get().max_agents == 7
