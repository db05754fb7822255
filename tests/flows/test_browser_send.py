"""Forms that a script sends: being signed out, another form and a late answer take along nothing that was
typed.
"""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.factories import allow_workflow, submit
from tests.flows.test_browser_session import sign_in_beside
from tests.support.wait import until
from tickets.models import Artifact, ContextNote, NewRepository, Repository, Ticket, TicketSpec, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

PHASES = [{"name": "WORK", "to": ["DONE"]}, {"name": "DONE", "to": []}]
TEXT = "name: quick\nphases:\n- name: TODO\n  to: [DONE]\n- name: DONE\n  to: []\n"
URL = "https://forge.example/team/shop.git"


@pytest.fixture
def moving(project, operator):
    """A ticket on the first of two versions."""
    first = allow_workflow(project, Workflow.objects.install({"name": "quick", "phases": PHASES}))
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=first), by=operator)
    second = [{**PHASES[0], "automatic": "on_completion"}, PHASES[1]]
    Workflow.objects.install({"name": "quick", "phases": second}, by=operator)
    return ticket


def type_repository(page, name="shop"):
    page.fill("#new-name", name)
    page.fill("#new-url", URL)
    page.fill("#new-base", "trunk")


def test_a_form_is_sent_after_its_person_signed_in_again(window, moving, operator):
    page = window().go(f"/workflows/quick/tickets/?to=2&ticket={moving.key}")
    page.fill("#reason", "The new way")
    Session.objects.all().delete()
    button = page.get_by_role("button", name="Change 1 ticket")
    button.click()
    expect(page.locator("#signed-out")).to_be_visible()
    sign_in_beside(page, operator)

    button.click()

    expect(page.locator("#moved-title")).to_be_visible()
    assert Ticket.objects.get(pk=moving.pk).workflow.version == 2


def test_a_form_is_not_sent_in_the_name_of_another(window, moving, django_user_model):
    page = window().go(f"/workflows/quick/tickets/?to=2&ticket={moving.key}")
    page.fill("#reason", "The new way")
    sign_in_beside(page, django_user_model.objects.create_superuser("bea"))

    page.get_by_role("button", name="Change 1 ticket").dblclick()

    expect(page.locator("#other-person")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("The new way")
    assert Ticket.objects.get(pk=moving.pk).workflow.version == 1


def test_what_was_refused_outlives_being_signed_out(window, project, operator):
    page = window().live("/repositories/?project=OMO")
    type_repository(page, name="Not A Name")
    page.get_by_role("button", name="Add repository").click()
    page.wait_for_selector("#refused")
    Session.objects.all().delete()

    Repository.objects.add(project, NewRepository("other", URL), by=operator)

    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#new-name")).to_have_value("Not A Name")


def test_sending_one_form_keeps_what_is_typed_in_another(window, project, operator):
    for name in ("shop", "docs"):
        Repository.objects.add(project, NewRepository(name, f"https://{name}.invalid/x.git"), by=operator)
    page = window().live("/repositories/?project=OMO")
    page.fill("#new-name", "more")
    page.fill("#new-url", URL)
    page.get_by_text("Change or remove docs").click()
    page.get_by_text("Change or remove shop").click()
    page.locator(".repository [name=base]").last.fill("mine")
    page.locator(".repository [name=base]").first.fill("trunk")

    page.locator(".repository").first.get_by_role("button", name="Save").click()

    expect(page.locator("main .message")).to_have_text("shop is changed.")
    expect(page.locator("#new-name")).to_have_value("more")
    expect(page.locator("#new-url")).to_have_value(URL)
    expect(page.locator(".repository [name=base]").last).to_have_value("mine")


def test_what_is_chosen_in_another_form_stays_with_what_is_typed_there(window, ticket, operator):
    ContextNote.objects.add(ticket, "TODO", {"decision": ["Keep keys"]}, by=operator)
    page = window().live(f"/tickets/{ticket.key}/context/")
    page.locator("#context-kind").select_option("risk")
    page.locator("#context-text").fill("Old clients")
    page.get_by_text("Withdraw the decision").click()

    page.get_by_role("button", name="Withdraw it").click()

    expect(page.locator("main .message")).to_contain_text("is withdrawn")
    expect(page.locator("#context-text")).to_have_value("Old clients")
    expect(page.locator("#context-kind")).to_have_value("risk")


def test_what_was_previewed_outlives_being_signed_out(window, ticket, task):
    page = window().go(f"/tickets/{ticket.key}/patterns/majority_vote/")
    page.get_by_label("Source task").select_option(index=1)
    page.get_by_label("Question").fill("Which database?")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview-title")).to_be_focused()
    Session.objects.all().delete()

    page.get_by_role("button", name="Apply").click()

    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.get_by_label("Question")).to_have_value("Which database?")


def test_a_note_that_was_refused_outlives_being_signed_out(window, ticket):
    page = window().go(f"/tickets/{ticket.key}/context/")
    page.locator("#context-text").fill("\u200b")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("#refused")
    Session.objects.all().delete()

    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#context-text")).to_have_value("\u200b")


def test_a_dialog_that_was_closed_holds_nobody_on_a_page(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/")
    page.locator("#more").click()
    page.locator("#menu-block").click()
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-reason").fill("Not after all")
    page.keyboard.press("Escape")
    page.wait_for_selector("#action-dialog:not([open])", state="attached")
    Session.objects.all().delete()

    submit(ticket, "log", b"the page is to follow this", by=operator)

    page.wait_for_url("**/login/**")


def test_an_answer_that_comes_late_does_not_hide_a_newer_version(window, operator):
    Workflow.objects.install(TEXT, by=operator)
    page = window().live("/workflows/quick/")
    expect(page.locator("#workflow-summary")).to_have_text("Valid")
    held = []
    page.route("**/check-workflow/", lambda route: held.append((route, route.fetch())), times=1)
    page.fill("#workflow-text", TEXT.replace("TODO", "MINE"))
    until(lambda: held or page.evaluate("0"))  # which lets the browser's events in
    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)
    expect(page.locator("#workflow-newer")).to_contain_text("Version 2 is now in force")

    [(route, answer)] = held
    route.fulfill(response=answer)

    expect(page.locator("#workflow-difference .removed")).to_contain_text("THEIRS")
    expect(page.locator("#workflow-newer")).to_contain_text("Version 2 is now in force")
    expect(page.locator("#workflow-save")).to_have_text("Compare with version 2")


def test_the_server_stumbles_and_what_was_typed_stays(window, moving):
    page = window().go(f"/workflows/quick/tickets/?to=2&ticket={moving.key}")
    page.fill("#reason", "The new way")
    broken = render_to_string("500.html")
    page.route(
        "**/tickets/?*", lambda route: route.fulfill(status=500, body=broken, content_type="text/html")
    )

    page.get_by_role("button", name="Change 1 ticket").click()

    expect(page.locator("#toast")).to_contain_text("Something went wrong on our side. What you typed stays")
    expect(page.locator("#reason")).to_have_value("The new way")


def test_a_file_is_submitted_after_its_person_signed_in_again(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/artifacts/")
    page.locator("#artifact-type").fill("notes")
    page.locator("#artifact-text").fill("Three pages of notes")
    page.evaluate("live.paused = true")  # nothing but the form itself asks the server
    sign_in_beside(page, operator)

    page.locator("#submit [type=submit]").click()
    expect(page.locator("#toast")).to_contain_text("Submit it again")
    page.locator("#submit [type=submit]").click()

    page.wait_for_url(f"**/tickets/{ticket.key}/")
    assert Artifact.objects.get().type == "notes"


def test_a_file_that_was_chosen_outlives_being_signed_out(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/artifacts/")
    chosen = {"name": "run.log", "mimeType": "text/plain", "buffer": b"all is well\n"}
    page.set_input_files("#artifact-file", chosen)
    Session.objects.all().delete()

    page.locator("#submit [type=submit]").click()

    expect(page.locator("#signed-out")).to_be_visible()
    assert page.evaluate("document.querySelector('#artifact-file').files.length") == 1


def test_a_text_that_is_being_saved_outlives_being_signed_out(window, operator):
    Workflow.objects.install(TEXT, by=operator)
    page = window().live("/workflows/quick/")
    mine = TEXT.replace("TODO", "MINE")
    checks = []
    page.route("**/check-workflow/", lambda route: checks.append(route))
    with page.expect_request("**/check-workflow/"):
        page.fill("#workflow-text", mine)
    page.route("**/workflows/quick/", lambda route: route.continue_() if reads(route) else None)
    page.locator("#workflow-save").click()
    with page.expect_response("**/check-workflow/"):
        checks[0].continue_()
    expect(page.locator("#workflow-faults")).to_contain_text("Valid")
    expect(page.locator("#workflow-state")).to_have_text("Saving…")
    Session.objects.all().delete()

    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)

    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#workflow-text")).to_have_value(mine)


def reads(route):
    return route.request.method == "GET"
