"""The editor of a workflow in a browser: what was typed always wins, also on a slow line."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import PHONE
from tests.support.slow_proxy import SlowLine
from tests.support.wait import until
from tickets.models import Ticket, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = """\
# keep this
name: quick
phases:
- name: TODO
  to: [DONE]
- name: DONE
  to: []
"""
EDITOR = "#workflow-text"


@pytest.fixture
def quick(operator):
    return Workflow.objects.install(TEXT, by=operator)


@pytest.mark.parametrize("latency", [0, 200, pytest.param(1000, marks=pytest.mark.full)])
def test_answers_come_beside_their_lines_and_never_change_the_text(window, quick, operator, latency):
    shown = window()
    SlowLine(shown, latency=latency)
    page = shown.go("/workflows/quick/")
    expect(page.locator("#workflow-summary")).to_have_text("Valid")

    faulty = TEXT.replace("[DONE]", "[DNOE]")
    page.fill(EDITOR, faulty)
    expect(page.locator(".editor-note")).to_contain_text("did you mean DONE?", timeout=20_000)
    page.locator(EDITOR).press("Control+End")
    page.keyboard.type("start: NOWHERE", delay=30)
    page.keyboard.press("Enter")
    expect(page.locator("#workflow-summary")).to_have_text("2 faults", timeout=20_000)

    assert page.input_value(EDITOR) == f"{faulty}start: NOWHERE\n"
    assert page.locator("#workflow-numbers").inner_text().split() == [str(n) for n in range(1, 10)]
    page.locator("[data-line='8']").click()
    assert page.evaluate("getSelection().toString()") == "start: NOWHERE"
    expect(page.locator("#workflow-difference .added")).to_have_count(2)
    expect(page.locator("#workflow-phases svg")).to_have_count(0)
    page.fill(EDITOR, TEXT.replace("TODO", "BEGIN"))
    expect(page.locator("#workflow-phases text", has_text="Begin")).to_be_visible(timeout=20_000)
    assert shown.faults() == []
    assert shown.complaints == []

    page.get_by_role("button", name="Save as version 2").click()
    expect(page.locator(".message")).to_have_text("Version 2 is in force: new tickets follow it.")
    assert Workflow.objects.latest_of("quick").source == TEXT.replace("TODO", "BEGIN")


def test_a_newer_version_is_told_while_typing_and_before_saving(window, quick, operator):
    shown = window(size=PHONE, theme="dark")
    page = shown.go("/workflows/quick/")
    mine = TEXT.replace("TODO", "MINE")
    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)

    page.fill(EDITOR, mine)
    expect(page.locator("#workflow-faults .notice")).to_contain_text(
        "Version 2 was saved while you were writing"
    )
    page.get_by_role("button", name="Save as version 2").click()

    expect(page.locator("#refused")).to_contain_text("admin saved version 2 meanwhile")
    assert page.input_value(EDITOR) == mine
    assert (shown.faults(), shown.width) == ([], PHONE[0])
    page.get_by_role("button", name="Save as version 3").click()
    expect(page.locator(".message")).to_contain_text("Version 3 is in force")


def test_without_script_a_workflow_is_written_and_saved(window, operator):
    shown = window()
    context = shown.context.browser.new_context(
        java_script_enabled=False, storage_state=shown.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"http://{shown.web.host}/new-workflow/")
    page.fill(EDITOR, TEXT.replace("[DONE]", "[DNOE]"))
    page.click("button[type=submit]:has-text('Save')")
    expect(page.locator("#refused")).to_contain_text("the document has 1 fault")
    expect(page.locator(".editor-note")).to_contain_text("did you mean DONE?")
    page.fill(EDITOR, TEXT)
    page.click("button[type=submit]:has-text('Save')")
    expect(page.locator(".message")).to_contain_text("Version 1 is in force")
    context.close()


def test_a_new_user_goes_from_nothing_to_done(window, operator):
    """A workflow of two phases and one approval, a project, a ticket, a file, an approval: only by what the
    pages show.
    """
    shown = window()
    page = shown.go("/board/")
    page.get_by_role("link", name="Workflows").first.click()
    page.get_by_role("link", name="New workflow").click()
    page.fill(EDITOR, page.input_value(EDITOR).replace("my_workflow", "note"))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="New project with it").click()
    page.fill("#key", "note")
    page.get_by_role("button", name="Create").click()
    page.fill("#title", "Write the release note")
    page.get_by_role("button", name="Open in NOTE").click()
    page.get_by_role("link", name="Submit report").click()
    page.set_input_files(
        "#submit input[type=file]", files=[{"name": "a.md", "mimeType": "text/markdown", "buffer": b"# Done"}]
    )
    page.locator("#submit [type=submit]").click()
    page.locator("#approvals").get_by_role("button", name="Approve").click()
    expect(page.locator("#approvals .badge.ok")).to_have_text("1 of 1")
    page.locator("#main-advance").click()
    page.locator("#action-dialog [type=submit]").click()

    until(lambda: Ticket.objects.get(key="NOTE-1").phase == "DONE")
    expect(page.locator(".ticket-meta .badge").first).to_have_text("Done")
    assert shown.complaints == []
