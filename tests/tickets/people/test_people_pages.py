"""People at work, from the page of a ticket."""

from __future__ import annotations

import pytest
from django.urls import reverse

from agents.models import Agent
from tickets.models import Freeze, Outcome, Task, TaskSpec, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, eve):
    client.force_login(eve)
    return client


def address(task, name):
    return reverse("task_action", args=[task.ticket_key, task.pk, name])


def page(browser, task):
    return browser.get(reverse("ticket", args=[task.ticket_key])).content.decode()


def press(browser, task, name, **typed):
    task.refresh_from_db()
    return browser.post(
        address(task, name),
        {"reason": "by hand", "state": str(task.events), **typed},
        headers={"X-Part": "1", "HX-Request": "true"},
    )


def offered(browser, task):
    shown = page(browser, task)
    return [name for name in ("take", "settle", "hand-back", "reassign") if address(task, name) in shown]


@pytest.mark.full
def test_what_is_offered_follows_who_holds_it(browser, task, eve, ada):
    assert offered(browser, task) == ["take", "reassign"]
    assert press(browser, task, "take").status_code in (200, 302)
    assert Task.objects.get(pk=task.pk).holder.name == "user:eve"
    assert offered(browser, task) == ["settle", "hand-back", "reassign"]
    assert "eve for" in page(browser, task)
    assert "user:eve for" not in page(browser, task)
    assert press(browser, task, "reassign", receiver="ada").status_code in (200, 302)
    assert Task.objects.get(pk=task.pk).holder == ada
    assert offered(browser, task) == ["reassign"]


@pytest.mark.parametrize(
    ("outcome", "state"), [("completed", "completed"), ("failed", "failed"), ("again", "pending")]
)
def test_settle(browser, task, outcome, state):
    press(browser, task, "take")
    press(browser, task, "settle", outcome=outcome)
    assert Task.objects.get(pk=task.pk).state == state


def test_hand_back(browser, task):
    press(browser, task, "take")
    press(browser, task, "hand-back")
    task.refresh_from_db()
    assert (task.state, task.holder) == ("pending", None)


def test_without_a_reason_nothing_happens_and_what_was_typed_survives(browser, task):
    press(browser, task, "take")
    answer = press(browser, task, "settle", outcome="failed", reason=" ")
    assert answer.status_code == 422
    assert "selected" in answer.content.decode().partition('value="failed"')[2][:12]
    assert Task.objects.get(pk=task.pk).state == "claimed"


def test_who_was_chosen_and_left_stays_chosen(browser, task, ada, operator):
    Agent.objects.act(ada.pk, "drain", by=operator)
    answer = press(browser, task, "reassign", receiver="ada")
    assert answer.status_code == 409
    assert '<option value="ada" selected>' in answer.content.decode()


def test_frozen_it_says_why_and_keeps_the_reason(browser, task):
    Freeze.objects.freeze(by="system:test", reason="Stop", wait_s=0)
    answer = press(browser, task, "take", reason="because I can")
    assert answer.status_code == 409
    assert "frozen" in answer.content.decode()
    assert "because I can" in answer.content.decode()


def test_who_was_slower_is_told_who_was_faster(browser, task, ada):
    seen = task.events
    Task.objects.claim(by=ada)
    answer = browser.post(address(task, "take"), {"reason": "mine", "state": str(seen)})
    assert answer.status_code == 409
    assert "ada was faster" in answer.content.decode()


def test_a_viewer_sees_that_the_role_is_missing(client, task, member):
    client.force_login(member("vic", "viewer"))
    assert "You need the role of an operator" in page(client, task)
    answer = press(client, task, "take")
    assert answer.status_code == 403
    assert Task.objects.get(pk=task.pk).state == "pending"


def test_the_timeline_tells_it(browser, task, ada):
    press(browser, task, "take")
    press(browser, task, "reassign", receiver="ada")
    shown = page(browser, task)
    assert "by hand" in shown
    assert "to ada" in shown


def test_the_board_shows_the_person_by_name_and_what_has_failed_beside(browser, task, ticket, ada, operator):
    [failed] = Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    press(browser, task, "take")
    [claim] = Task.objects.claim(by=ada)
    Task.objects.settle(
        [Outcome(claim.task, 1, "failed", error="the disk is full", kind="permanent")], by=ada
    )
    board = browser.get(reverse("board")).content.decode()
    assert 'data-initials="EV" title="eve"' in board
    assert "the disk is full" in board
    assert "held by the person" not in board
    assert Task.objects.tallies([ticket.pk])[ticket.pk].telling == failed.pk
    assert "1 at work" in page(browser, task)


def test_the_context_names_the_person_who_decided_it(task, ticket, eve, operator):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    result = {"context": {"decisions": ["Keep the old route"]}}
    Task.objects.settle([Outcome(task.pk, 1, "completed", result=result)], by=eve, reason="done")
    Ticket.objects.move(ticket.pk, "DONE", by=operator, force=True, reason="it is all done by hand now")
    [decision] = ticket.contexts.latest("number").content["decisions"]
    assert decision["by"] == "user:eve"


def test_the_admin_shows_what_a_person_holds_and_changes_nothing(client, task, eve, ada, operator):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    row = Agent.objects.get(kind="person")
    client.force_login(operator)
    shown = client.get(reverse("admin:agents_agent_change", args=[row.pk])).content.decode()
    assert task.key in shown
    assert 'name="_save"' not in shown
    acted = client.post(
        reverse("admin:agents_agent_changelist"),
        {"action": "drain_agents", "_selected_action": [row.pk, ada.pk], "reason": "tidy up", "apply": "1"},
        follow=True,
    )
    assert "eve is a person, not an agent" in acted.content.decode()
    assert [Agent.objects.get(pk=pk).state for pk in (row.pk, ada.pk)] == ["available", "draining"]
    assert 'value="person"' not in client.get(reverse("admin:agents_agent_add")).content.decode()
