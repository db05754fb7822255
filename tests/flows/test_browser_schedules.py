"""The pages of schedules in a browser: for everybody, live, and with a preview that keeps what was typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import every_look
from tests.tickets.schedule.conftest import looked_at, opens, scheduled, template  # noqa: F401
from tickets.models import Schedule, ScheduleRun, TaskSpec, TemplateSpec, TicketTemplate
from tickets.models.schedule.variables import Variable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


@pytest.fixture
def release(project, operator):
    spec = TemplateSpec(
        "release-of-a-name-of-some-length",
        "Release {version}",
        description="Build it, test it, ship it.\nThen tell everybody.",
        labels=["release"],
        tasks=[TaskSpec("Build {version}", capabilities=["python"]), TaskSpec("Ship {version}")],
        variables=[Variable("version", "Which version"), Variable("notes", default="No notes")],
    )
    return TicketTemplate.objects.create_template(project, spec, by=operator)


@pytest.fixture
def busy(scheduled, operator):  # noqa: F811
    """One that has opened, skipped and owes, and one that is off."""
    schedule = scheduled("0 * * * *", overlap="queue", timezone="Europe/Berlin")
    opens("2027-01-10T04:20Z")
    opens("2027-01-10T05:00Z")
    off = scheduled("30 2 1,15 * *", enabled=False)
    assert ScheduleRun.objects.count() == 3
    assert off.next_at is None
    return schedule


@every_look
def test_they_are_for_everybody(window, operator, busy, release, theme, size):
    shown = window(operator, size=size, theme=theme)
    pages = ["/schedules/?project=OMO", f"/schedules/{busy.pk}/", f"/schedules/{busy.pk}/edit/"]
    pages += [f"/templates/{release.pk}/", f"/templates/{release.pk}/edit/", "/new-template/?project=OMO"]
    for address in pages:
        shown.go(address).wait_for_load_state("networkidle")
        assert shown.faults() == [], address
        assert shown.width <= size[0], address
    page = shown.go("/new-schedule/?project=OMO")
    page.locator("#field-cron").fill("61 * * * *")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#refused")
    assert shown.faults() == []
    page.locator("#field-cron").fill("30 2 * * 1-5")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#preview-title")
    assert shown.faults() == []
    assert shown.width <= size[0]
    assert [said for said in shown.complaints if "422" not in said] == []


def test_one_is_previewed_saved_and_seen_to_run(window, operator, release):
    page = window(operator).live("/board/")
    page.get_by_role("link", name="Schedules").first.click()
    page.get_by_role("link", name="New schedule").click()
    page.locator("#field-variable-version").fill("next")
    page.locator("#field-cron").fill("0 3 * * *")
    page.locator("#field-timezone").fill("berlin")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("did you mean Europe/Berlin")).to_be_visible()
    page.locator("#field-timezone").fill("Europe/Berlin")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview-title")).to_be_focused()
    expect(page.locator("#field-variable-version")).to_have_value("next")
    assert Schedule.objects.count() == 0

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("03:00 CE")).to_have_count(5)
    page.wait_for_selector("#live[data-state=live]")
    looked_at(Schedule.objects.get(), "2027-01-10T00:00Z")
    opens("2027-01-10T02:00Z")
    expect(page.get_by_text("Sun 10 Jan 2027, 03:00 CET")).to_be_visible()
    expect(page.locator("#schedule-part").get_by_role("link", name="OMO-1")).to_be_visible()
