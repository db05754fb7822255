"""Statistics, versions and new work in light and dark, wide and on a phone, also when it is refused."""

from __future__ import annotations

import pytest

from tests.factories import allow_workflow, submit
from tests.support.browser import every_look
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = """\
name: reviewed_change
phases:
- name: PLAN
  to: [BUILD]
- name: BUILD
  to: [TEST]
  gate:
  - {check: artifact, type: code_changes}
- name: TEST
  to: [DONE]
- name: DONE
  to: []
"""
SECOND = FIRST.replace(
    "  - {check: artifact, type: code_changes}\n",
    "  - {check: artifact, type: code_changes}\n"
    "  - {check: tests_passed}\n"
    "  - {check: min_coverage, percent: 85}\n",
).replace("- name: PLAN\n  to: [BUILD]\n", "")
LONG = "Reconcile the payouts of every merchant with the ledger of the bank, currency by currency"


@pytest.fixture
def delivery(project, ada, operator):
    """A workflow whose second version has no PLAN and asks for more, and tickets everywhere on the first."""
    first = allow_workflow(project, Workflow.objects.install(FIRST, by=operator))
    titles = ("Capture payments", LONG, "Refund a payment in parts", "Ship it", "Not wanted", "Blocked")
    made = [Ticket.objects.open(project, TicketSpec(title, workflow=first), by=operator) for title in titles]
    for ticket in made[1:]:
        Ticket.objects.move(ticket.pk, "BUILD", by=operator)
    submit(made[2], "code_changes", b"x", by=ada)
    submit(made[3], "code_changes", b"x", by=ada)
    for to in ("TEST", "DONE"):
        Ticket.objects.judge(pk=made[3].pk, by=operator)
        Ticket.objects.move(made[3].pk, to, by=operator)
    Ticket.objects.move(made[4].pk, "CANCELLED", by=operator, reason="not wanted any more")
    Ticket.objects.move(made[5].pk, "BLOCKED", by=operator, cause="environment", reason="the bank is away")
    Workflow.objects.install(SECOND, by=operator)
    return made


def check(shown, size):
    page = shown.page
    page.wait_for_load_state("networkidle")
    assert shown.faults() == [], page.url
    assert shown.width <= size[0], page.url
    assert shown.trailing_dots() == [], page.url


PREVIEW = "/workflows/reviewed_change/tickets/?to=2&ticket=OMO-1&ticket=OMO-2&ticket=OMO-3&ticket=OMO-6"
PAGES = {
    "statistics": "/workflows/reviewed_change/statistics/",
    "no statistics": "/workflows/simple/statistics/",
    "versions": "/workflows/reviewed_change/tickets/",
    "preview": PREVIEW,
    "difference": "/workflows/reviewed_change/?version=1",
    "workflow": "/workflows/reviewed_change/",
    "new workflow": "/new-workflow/",
    "example": "/new-workflow/?from=example",
    "new project": "/new-project/",
    "new ticket": "/new-ticket/",
}


@every_look
def test_it_is_for_everybody(window, delivery, theme, size):
    shown = window(size=size, theme=theme)
    for address in PAGES.values():
        shown.go(address)
        check(shown, size)
    assert shown.complaints == []


@every_look
def test_a_refusal_is_for_everybody(window, delivery, theme, size):
    shown = window(size=size, theme=theme)
    for address, field in (("/new-project/", "#key"), ("/new-ticket/", "#title")):
        page = shown.go(address)
        page.fill(field, "OMO" if field == "#key" else "   ")
        page.locator("main [type=submit]").click()
        page.wait_for_selector("#refused")
        check(shown, size)
    page = shown.go("/new-workflow/")
    page.fill("#workflow-text", FIRST.replace("[DONE]", "[DNOE]"))
    page.locator("#workflow-save").click()
    page.wait_for_selector("#refused")
    check(shown, size)
    page = shown.go(PREVIEW)
    page.locator("main [type=submit]").click()
    page.wait_for_selector("text=On version 2")
    check(shown, size)
    assert [said for said in shown.complaints if "422" not in said] == []
