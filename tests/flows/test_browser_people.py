"""People at work in a browser: by keyboard, on a phone, and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.models import Member
from tests.support.browser import PHONE, Window
from tickets.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


def state(task):
    row = Task.objects.select_related("holder").get(pk=task.pk)
    return row.state, row.holder and row.holder.name


def test_by_keyboard_a_task_is_taken_and_settled(window, task):
    page = window().live(f"/tickets/{task.ticket_key}/")
    for name, typed, after in (
        ("Take", "I know this part", ("claimed", "user:admin")),
        ("Settle", "Looked at it", ("completed", None)),
    ):
        page.locator(f"#task-{name.lower()}-{task.pk}").focus()
        page.keyboard.press("Enter")
        dialog = page.locator("#action-dialog")
        expect(dialog.get_by_role("textbox")).to_be_visible()
        dialog.get_by_role("textbox").focus()
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
        dialog.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#toast")).to_contain_text(task.key)
        expect(dialog).not_to_be_visible()
        assert state(task) == after


def test_on_a_phone_the_longest_name_fits(window, task, project, operator, django_user_model):
    longest = django_user_model.objects.create_user("e" * 150)
    Member.objects.set(project, longest, "operator", by=operator)
    Task.objects.assign(task.pk, to=f"user:{longest.username}", by=operator, reason="theirs")
    phone = window(size=PHONE)
    for path in ("/", f"/tasks/{task.pk}/reassign/", f"/tasks/{task.pk}/cancel/"):
        phone.go(f"/tickets/{task.ticket_key}{path}")
        assert (phone.width, phone.faults()) == (PHONE[0], [])


def test_without_script_a_task_is_taken_settled_and_given_away(browser, web, operator, ada, task):
    shown = Window(browser, web, operator)
    bare = browser.new_context(java_script_enabled=False, storage_state=shown.context.storage_state())
    page = bare.new_page()

    def press(name):
        page.goto(f"http://{web.host}/tickets/{task.ticket_key}/")
        page.locator(f"#task-{name.lower()}-{task.pk}").click()
        page.get_by_role("textbox").fill("by hand")
        return page.get_by_role("button", name=name, exact=True)

    press("Take").click()
    page.wait_for_url(f"**/tickets/{task.ticket_key}/")
    assert state(task) == ("claimed", "user:admin")
    button = press("Settle")
    page.locator("select[name=outcome]").select_option("again")
    button.click()
    page.wait_for_url(f"**/tickets/{task.ticket_key}/")
    assert state(task) == ("pending", None)
    Task.objects.filter(pk=task.pk).update(not_before="2020-01-01T00:00Z")  # as if its time had come
    assert Task.objects.wake() == 1
    button = press("Reassign")
    page.locator("select[name=receiver]").select_option("ada")
    button.click()
    page.wait_for_url(f"**/tickets/{task.ticket_key}/")
    assert state(task) == ("claimed", "ada")
    bare.close()
    shown.close()
