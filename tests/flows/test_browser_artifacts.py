"""Artifacts in a browser: submitted with and without script, shown for everybody, and never acting."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.factories import submit
from tests.support import reports
from tests.support.browser import Window, every_look
from tests.tickets.pages.test_artifacts import DIFF, MARKDOWN, png
from tickets.models import Artifact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]
ATTACK = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hit=1'><script>window.hit=1</script></svg>"
KINDS = {
    "design_document": MARKDOWN.encode(),
    "patch": DIFF.encode(),
    "shot": png(300, 200),
    "test_results": reports.junit(3),
    "test_coverage": reports.cobertura(3, 1),
    "log": b"a line\n" * 300 + b"x" * 1_000,
    "nothing": b"",
    "archive": b"\0\1\2",
}


def check(shown: Window, path: str, size: tuple[int, int]) -> None:
    page = shown.go(path)
    page.wait_for_load_state("networkidle")
    assert shown.faults() == [], path
    assert shown.width <= size[0], path


@every_look
def test_every_kind_is_shown_for_everybody(window, ticket, operator, theme, size):
    shown, where = window(size=size, theme=theme), f"/tickets/{ticket.key}/"
    made = [submit(ticket, kind, content, by=operator) for kind, content in KINDS.items()]
    log = submit(ticket, "log", b"another line\n", by=operator)
    for artifact in made:
        check(shown, f"{where}artifacts/{artifact.pk}/", size)
    check(shown, f"{where}artifacts/{log.pk}/compare/", size)
    check(shown, f"{where}artifacts/", size)
    check(shown, f"{where}?preview={made[0].pk}", size)
    assert shown.complaints + shown.elsewhere == []


def test_a_file_is_submitted_from_the_ticket_page(window, ticket):
    shown = window()
    page = shown.live(f"/tickets/{ticket.key}/")
    page.click("#submit-artifact")
    page.locator("#artifact-type").fill("Test evidence")
    page.locator("#submit button[type=submit]").click()  # without a file
    expect(page.get_by_text("Choose a file, or write a text.")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "refused"
    page.locator("#artifact-file").set_input_files(
        {"name": "run.log", "mimeType": "text/plain", "buffer": b"all is well\n" * 400_000}
    )
    page.locator("#submit button[type=submit]").click()
    page.wait_for_url(f"**/tickets/{ticket.key}/")
    expect(page.get_by_text("run.log is submitted: revision 1")).to_be_visible()
    page.locator(".artifact-name", has_text="run.log").click()
    expect(page.get_by_text("all is well").first).to_be_visible()
    assert [said for said in shown.complaints if "422" not in said] == []
    assert Artifact.objects.get().type == "test_evidence"


def test_a_large_file_shows_its_progress_and_can_be_cancelled(window, ticket, tmp_path):
    film, shown = tmp_path / "film.bin", window()
    film.write_bytes(b"x" * (20 << 20))
    page = shown.go(f"/tickets/{ticket.key}/artifacts/")
    page.locator("#artifact-type").fill("film")
    page.locator("#artifact-file").set_input_files(film)
    slow = {"offline": False, "latency": 200, "downloadThroughput": 1e6, "uploadThroughput": 1e6}
    shown.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.locator("#submit button[type=submit]").click()
    expect(page.locator(".upload-progress [role=status]")).to_contain_text("of 21.0 MB")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#toast")).to_contain_text("nothing was submitted")
    expect(page.locator("#artifact-type")).to_have_value("film")
    assert not Artifact.objects.exists()


def test_what_was_typed_outlives_being_signed_out(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/artifacts/")
    page.locator("#artifact-type").fill("notes")
    page.locator("#artifact-text").fill("Three pages of notes")
    Session.objects.all().delete()

    page.locator("#submit button[type=submit]").click()

    expect(page.locator("#signed-out")).to_be_visible()
    submit(ticket, "log", b"the page is to follow this", by=operator)
    expect(page.locator("#artifact-text")).to_have_value("Three pages of notes")
    assert "/artifacts/" in page.url


def test_an_update_that_finds_nobody_signed_in_leaves_what_was_typed(window, ticket, operator):
    page = window().live(f"/tickets/{ticket.key}/artifacts/")
    page.locator("#artifact-text").fill("Three pages of notes")
    Session.objects.all().delete()

    submit(ticket, "log", b"the page is to follow this", by=operator)

    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#artifact-text")).to_have_value("Three pages of notes")


def test_a_text_is_submitted_without_script(browser, web, operator, ticket):
    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()
    page.goto(f"http://{web.host}/tickets/{ticket.key}/")
    page.locator("#submit-artifact").click()
    page.locator("#artifact-type").fill("notes")
    page.locator("#artifact-text").fill("# Why\n\nBecause.")
    page.locator("#submit button[type=submit]").click()
    page.wait_for_url(f"**/tickets/{ticket.key}/")
    page.get_by_role("link", name="Preview of notes").click()
    expect(page.get_by_role("heading", name="Why", exact=True)).to_be_visible()
    bare.close()
    shown.close()


def test_nothing_in_a_file_acts(window, web, ticket, operator):
    shown = window()
    for name, content in {
        "a.svg": ATTACK,
        "a.html": b"<script>window.hit=1</script>",
        "a.md": b'<img src=x onerror="window.hit=1">\n\n[x](javascript:window.hit=1)',
        "a.xml": b"<?xml-stylesheet href='javascript:window.hit=1'?><a onload='window.hit=1'/>",
    }.items():
        artifact = submit(ticket, "attack", content, by=operator, name=name)
        page = shown.go(f"/tickets/{ticket.key}/artifacts/{artifact.pk}/")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.hit") is None, name
        assert page.locator(".preview a[href^='javascript']").count() == 0
        with page.expect_download() as loaded:
            page.get_by_role("link", name="Download").click()
        assert loaded.value.suggested_filename == name
        assert page.locator("iframe, object, embed").count() == 0
    assert shown.complaints + shown.elsewhere == []
