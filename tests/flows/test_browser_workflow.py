"""The editor of a workflow in a browser: what was typed always wins, also on a slow line."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.support.browser import PHONE
from tests.support.slow_proxy import LINES, SlowLine
from tests.support.wait import until
from tickets.models import Ticket, TicketSpec, Workflow

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


@pytest.mark.full
@pytest.mark.parametrize("latency", LINES)
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


@pytest.mark.full
@pytest.mark.parametrize("latency", LINES)
def test_a_newer_version_is_told_while_somebody_writes_and_before_it_is_saved(
    window, quick, operator, latency
):
    shown = window(size=PHONE, theme="dark")
    SlowLine(shown, latency=latency, first=1_000)
    page = shown.live("/workflows/quick/")
    mine = TEXT.replace("TODO", "MINE")
    page.fill(EDITOR, mine)
    page.evaluate("document.getElementById('workflow-text').setSelectionRange(2, 6)")

    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)

    expect(page.locator("#workflow-newer")).to_contain_text("Version 2 is now in force. admin saved it")
    expect(page.locator(".workflow-standing")).to_have_text("Version 2 in force")
    expect(page.locator(".version-list li")).to_have_count(2)
    expect(page.locator("#workflow-difference .removed")).to_contain_text("THEIRS", timeout=20_000)
    assert page.input_value(EDITOR) == mine
    assert page.evaluate("getSelection().toString()") == "keep"
    assert page.evaluate("document.activeElement.id") == "workflow-text"
    assert (shown.faults(), shown.width) == ([], PHONE[0])
    page.get_by_role("button", name="Compare with version 2").click()

    expect(page.locator("#refused")).to_contain_text("admin saved version 2 meanwhile")
    assert page.input_value(EDITOR) == mine
    assert (shown.faults(), shown.width) == ([], PHONE[0])
    page.get_by_role("button", name="Save as version 3").click()
    expect(page.locator(".message")).to_contain_text("Version 3 is in force")


@pytest.mark.full
@pytest.mark.parametrize("latency", LINES)
def test_a_save_whose_answer_is_lost_is_told_and_done_once(window, quick, latency):
    shown = window()
    line = SlowLine(shown, latency=latency, first=1_000)
    page = shown.live("/workflows/quick/")
    mine = TEXT.replace("TODO", "MINE")
    page.fill(EDITOR, mine)
    until(lambda: page.locator("#workflow-state").inner_text() == "", 20)
    line.lose_acts(True)
    page.get_by_role("button", name="Save as version 2").dblclick()
    expect(page.locator("#toast")).to_contain_text("nothing is saved twice", timeout=20_000)
    line.lose_acts(False)
    expect(page.locator("#workflow-newer")).to_contain_text("Version 2 is now in force")
    assert page.input_value(EDITOR) == mine

    page.locator("#workflow-save").click()

    expect(page.locator(".message")).to_have_text("Version 2 is in force: new tickets follow it.")
    assert Workflow.objects.filter(name="quick").count() == 2


@pytest.mark.full
def test_the_list_and_a_page_that_is_read_follow_what_is_saved(window, quick, operator, django_user_model):
    reader = django_user_model.objects.create_user("vera")
    lists, reads = window().live("/workflows/"), window(reader).live("/workflows/quick/")
    old = window().live("/workflows/quick/?version=1")

    Workflow.objects.install(TEXT.replace("TODO", "BEGIN"), by=operator)
    Workflow.objects.install(TEXT.replace("quick", "another"), by=operator)

    expect(lists.locator("#workflow-quick .badge")).to_have_text("version 2")
    expect(lists.locator("#workflow-another")).to_be_visible()
    expect(reads.locator(".workflow-standing")).to_have_text("Version 2 in force")
    expect(reads.locator(EDITOR)).to_have_value(TEXT.replace("TODO", "BEGIN"))
    expect(reads.locator("#workflow-phases text", has_text="Begin")).to_be_visible()
    expect(old.locator("#workflow-newer")).to_contain_text("Version 2 is now in force")
    expect(old.locator(EDITOR)).to_have_value(TEXT)


@pytest.mark.full
def test_tickets_of_a_workflow_are_counted_as_they_come(window, project, operator):
    page = window().live("/workflows/simple/")

    Ticket.objects.open(project, TicketSpec("Refunds"), by=operator)

    expect(page.locator("#workflow-usage")).to_contain_text("1 open ticket: 1 in OMO")


@pytest.mark.full
def test_what_is_typed_stays_when_somebody_is_signed_out(window, quick, operator):
    page = window().live("/workflows/quick/")
    page.fill(EDITOR, "mine")
    Session.objects.all().delete()

    Workflow.objects.install(TEXT.replace("TODO", "THEIRS"), by=operator)

    expect(page.locator("#signed-out")).to_be_visible(timeout=20_000)
    expect(page.locator(EDITOR)).to_have_value("mine")


@pytest.mark.full
def test_a_text_that_was_refused_is_not_left_without_a_question(window, quick):
    page = window().go("/workflows/quick/")
    leaves = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"  # false: the browser asks first
    assert page.evaluate(leaves) is True
    page.fill(EDITOR, TEXT.replace("[DONE]", "[DNOE]"))
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.locator("#refused")).to_contain_text("Nothing was saved")

    assert page.evaluate(leaves) is False


@pytest.mark.full
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


@pytest.mark.full
def test_what_is_said_of_a_line_stands_beyond_its_end(window, quick):
    page = window().go("/workflows/quick/")
    page.fill(EDITOR, TEXT + "bogus: " + "a long line of text " * 6)
    expect(page.locator(".editor-note")).to_have_count(1)

    begins, ends = page.evaluate(
        """() => {
            const line = document.createElement('span');
            line.style.font = getComputedStyle(editor).font;
            line.textContent = editor.value.split('\\n').at(-1);
            document.body.append(line);
            const width = line.getBoundingClientRect().width;
            return [parseFloat(getComputedStyle(one('.editor-note')).paddingLeft), 12 + width];
        }"""
    )

    assert begins > ends - 1
