"""Somebody signs in again while a page is open: the same person goes on, for another one the page stops."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests import factories
from tests.support.browser import OVERVIEW
from tests.support.wait import until
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]
PASSWORD = "correct horse battery"
TEXT = "Which of the two schemas is meant?"


@pytest.fixture
def ticket(project, operator, ada):
    return factories.busy_ticket(project, by=operator, agent=ada)


@pytest.fixture
def page(window, ticket, operator):
    """The operator has typed a reason to block the ticket, and not sent it."""
    page = window().live(f"/tickets/{ticket.key}/")
    page.locator("#more").click()
    page.locator("#menu-block").click()
    page.wait_for_selector("#action-dialog[open]")
    page.locator("#action-reason").fill(TEXT)
    return page


def sign_in_beside(page, user):
    """In another tab of the same browser."""
    user.set_password(PASSWORD)
    user.save()
    Session.objects.all().delete()
    beside = page.context.new_page()
    beside.goto(page.evaluate("location.origin") + "/login/")
    beside.locator("#id_username").fill(user.username)
    beside.locator("#id_password").fill(PASSWORD)
    beside.get_by_role("button", name="Sign in").click()
    beside.wait_for_url(OVERVIEW)
    beside.close()


def notice_it(page):
    page.evaluate("markParts('*')")
    until(lambda: page.evaluate("session.other || live.parts.every((part) => part.quiet)"))


def test_after_signing_in_again_every_form_of_the_page_can_be_sent(page, operator):
    sign_in_beside(page, operator)
    notice_it(page)
    page.locator("#action-dialog [data-close]").first.click()
    page.locator("[popovertarget=account]:visible").first.click()
    page.get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/login/**")
    assert Session.objects.count() == 0


def test_what_one_person_typed_is_not_sent_in_the_name_of_another(page, ticket, django_user_model):
    sign_in_beside(page, django_user_model.objects.create_superuser("bea"))
    notice_it(page)

    page.wait_for_selector("#other-person:not([hidden])")
    notice = page.locator("#action-dialog #other-person")  # inside the dialog: within reach
    assert "reload" in notice.inner_text()
    page.locator("#action-dialog [type=submit]").click()
    assert page.evaluate("submitting") is None
    expect(page.locator("#action-reason")).to_have_value(TEXT)
    assert Ticket.objects.get(pk=ticket.pk).blocked_reason == ""

    page.locator("#other-person [data-reload]").click()
    page.wait_for_selector("[aria-label='Account: bea']")


def test_nothing_is_sent_for_another_person_whom_the_page_has_not_noticed_yet(
    page, ticket, django_user_model
):
    page.evaluate("live.socket.onclose = null; live.socket.close()")
    sign_in_beside(page, django_user_model.objects.create_superuser("bea"))
    page.locator("#action-dialog [type=submit]").click()

    page.wait_for_selector("#other-person:not([hidden])")
    expect(page.locator("#action-reason")).to_have_value(TEXT)
    assert Ticket.objects.get(pk=ticket.pk).blocked_reason == ""
