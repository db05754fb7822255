"""The page of repositories in a browser: for everybody, and live."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support import origins
from tests.support.browser import every_look
from tickets.models import NewRepository, Repository

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def origin():
    with origins.origin() as made:
        made.commit({"README.md": "# Shop"})
        yield made


@pytest.fixture
def repositories(project, operator, origin):
    """One that is fetched, one that cannot be, one that nobody fetched yet."""
    for name, url in (
        ("shop", origin.url),
        ("gone", f"{origin.url}/gone"),
        ("a-name-of-some-length", "ssh://git@forge.example/" + "a-long-folder/" * 12 + "shop.git"),
    ):
        added = Repository.objects.add(project, NewRepository(name, url), by=operator)
        if url.startswith("file"):
            Repository.objects.fetch(added.pk, by=operator)


@every_look
def test_it_is_for_everybody(window, operator, repositories, theme, size):
    shown = window(operator, size=size, theme=theme)
    page = shown.go("/repositories/?project=OMO")
    page.wait_for_load_state("networkidle")
    assert shown.faults() == []
    page.get_by_text("Change or remove").first.click()
    page.locator("#new-url").fill("https://ada:secret@forge.example/x")
    page.locator("#new-name").fill("other")
    assert shown.faults() == []
    page.get_by_role("button", name="Add repository").click()
    page.wait_for_selector("#refused")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert [said for said in shown.complaints if "422" not in said] == []


def test_one_is_added_and_its_fetch_is_seen_as_it_comes(window, operator, project, origin):
    page = window(operator).live("/board/")
    page.get_by_role("link", name="Repositories").first.click()
    page.locator("#new-name").fill("shop")
    page.locator("#new-url").fill(origin.url)
    page.get_by_role("button", name="Add repository").click()
    expect(page.get_by_text("Not fetched yet")).to_be_visible()
    page.wait_for_selector("#live[data-state=live]")

    Repository.objects.fetch_patiently(Repository.objects.get().pk)

    expect(page.get_by_text("Fetched", exact=True)).to_be_visible()


def test_a_form_that_is_being_filled_in_outlives_an_update(window, operator, project, repositories):
    page = window(operator).live("/repositories/?project=OMO")
    page.get_by_text("Change or remove").first.click()
    page.locator("[name=base]").first.fill("trunk")

    Repository.objects.add(project, NewRepository("new", "https://forge.example/new.git"), by=operator)

    expect(page.get_by_text("https://forge.example/new.git")).to_be_visible()
    expect(page.locator("[name=base]").first).to_have_value("trunk")
