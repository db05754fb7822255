"""Approvals in a browser: for everybody, by keyboard, without script, and live."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from agents.models import Member
from tests.factories import asks_for_approvals, decide, submit
from tests.support.browser import every_look
from tickets.models import Approval, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(project, django_user_model):
    made = {}
    for name in ("bea", "cem"):
        made[name] = django_user_model.objects.create_user(name)
        Member.objects.create(project=project, user=made[name], role="approver")
    return made


@pytest.fixture
def asking(project, operator, ada, people):
    """A ticket that asks for two approvals, with a voided one and a rejection of an earlier revision."""
    workflow = asks_for_approvals(project, count=2)
    ticket = Ticket.objects.open(project, TicketSpec("Capture payments", workflow=workflow), by=operator)
    submit(ticket, "notes", b"first", by=ada)
    decide(ticket, "approve", by=people["cem"])
    decide(
        ticket, "reject", by=people["bea"], reason="A payment may be captured twice. Say what prevents it."
    )
    submit(ticket, "notes", b"second", by=ada)
    submit(ticket, "test_results", b"<testsuite><testcase/></testsuite>", by=ada, commit="4f2a91c")
    return ticket


@every_look
def test_the_section_is_for_everybody(window, asking, people, theme, size):
    decide(asking, "approve", by=people["cem"])
    shown = window(people["bea"], size=size, theme=theme)
    page = shown.go(f"/tickets/{asking.key}/")
    page.wait_for_load_state("networkidle")
    if folder := os.environ.get("OMOI_SHOTS"):
        page.screenshot(path=f"{folder}/approvals-{theme}-{size[0]}.png", full_page=True)
    assert shown.faults() == []
    assert shown.width <= size[0]
    page.click("#approvals-reject")
    page.wait_for_selector("#action-dialog[open]")
    if folder:
        page.screenshot(path=f"{folder}/approvals-dialog-{theme}-{size[0]}.png")
    assert shown.faults() == []


@pytest.mark.full
def test_two_people_approve_by_keyboard_and_each_sees_the_other(window, asking, people):
    first, second = window(people["bea"]), window(people["cem"])
    one, two = first.live(f"/tickets/{asking.key}/"), second.live(f"/tickets/{asking.key}/")
    expect(one.locator("#approvals .badge").first).to_have_text("0 of 2")

    one.focus("#approvals-approve")
    one.keyboard.press("Enter")

    expect(two.locator("#approvals .badge").first).to_have_text("1 of 2")
    two.focus("#approvals-approve")
    two.keyboard.press("Space")
    expect(one.locator("#approvals .badge").first).to_have_text("2 of 2")
    assert first.complaints == second.complaints == []


@pytest.mark.full
def test_a_reason_stays_while_the_evidence_changes(window, asking, people, ada):
    page = window(people["bea"]).live(f"/tickets/{asking.key}/")
    page.click("#approvals-request-changes")
    page.fill("#action-reason", "Name the limits")
    submit(asking, "notes", b"third", by=ada)
    expect(page.locator("#approvals")).to_contain_text("r3")

    page.get_by_role("dialog").get_by_role("button", name="Request changes").click()

    expect(page.locator("#refused")).to_contain_text("has changed")
    expect(page.locator("#action-reason")).to_have_value("Name the limits")
    page.get_by_role("dialog").get_by_role("button", name="Request changes").click()
    expect(page.locator(".decisions li").first).to_contain_text("Name the limits")
    assert Approval.objects.latest("pk").decision == "request_changes"
