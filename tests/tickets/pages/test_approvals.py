"""Approvals on the ticket page: what is approved beside the buttons, and everything that was decided."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event, Member
from tests.factories import asks_for_approvals, decide, seen, submit
from tickets.models import Approval, Ticket, TicketSpec
from tickets.models.gate import approval_state
from tickets.models.gate.approval import Decision

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bea(project, django_user_model):
    user = django_user_model.objects.create_user("bea")
    Member.objects.create(project=project, user=user, role="approver")
    return user


@pytest.fixture
def asking(project, operator, ada):
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=asks_for_approvals(project)), by=operator
    )
    submit(ticket, "notes", b"done", by=ada)
    return Ticket.objects.get(pk=ticket.pk)


def page(client, ticket):
    return client.get(f"/tickets/{ticket.key}/").content.decode()


def section(html):
    return html.partition('id="approvals"')[2].partition("</section>")[0]


def plain(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def press(client, ticket, action, **data):
    return client.post(f"/tickets/{ticket.key}/{action}/", data, headers={"HX-Request": "true"})


def test_the_evidence_is_beside_the_buttons(client, asking, bea):
    client.force_login(bea)

    shown = section(page(client, asking))

    assert "notes" in shown
    assert asking.artifacts.get().hash[:8] in shown
    assert all(label in shown for label in ("Approve", "Request changes", "Reject"))
    assert seen(asking) in shown  # what the button approves


def test_a_press_approves_what_the_page_showed(client, asking, bea, operator):
    client.force_login(bea)

    answer = press(client, asking, "approve", state=seen(asking), version=asking.version)

    assert (answer.status_code, answer.content.decode()) == (200, f"{asking.key}: you approved it")
    assert Approval.objects.get().by == "user:bea"
    assert "1 of 1" in section(page(client, asking))


def test_what_changed_meanwhile_is_not_approved(client, asking, bea, ada):
    client.force_login(bea)
    old = seen(asking)
    submit(asking, "notes", b"done otherwise", by=ada)

    answer = press(client, asking, "approve", state=old, version=asking.version)

    assert "changed since you opened the page" in answer.content.decode()
    assert not Approval.objects.exists()


def test_a_press_without_what_was_seen_approves_nothing_and_is_recorded(client, asking, bea):
    client.force_login(bea)

    press(client, asking, "approve")

    assert not Approval.objects.exists()
    assert Event.objects.get(kind="approval.refused").data["code"] == "version_conflict"


def test_a_reason_is_kept_when_it_is_refused(client, asking, bea, ada):
    client.force_login(bea)
    old = seen(asking)
    assert "Say what to change" in press(client, asking, "request-changes", state=old).content.decode()
    submit(asking, "notes", b"done otherwise", by=ada)

    answer = press(client, asking, "request-changes", state=old, reason="Name the <limits>")

    assert "Name the &lt;limits&gt;</textarea>" in answer.content.decode()
    assert "You are deciding about: notes r2." in answer.content.decode()


def test_an_author_is_told_that_somebody_else_must_approve(client, asking, bea, operator):
    client.force_login(operator)  # who owns ada

    shown = section(page(client, asking))

    assert "You worked on this, so somebody else must approve it" in shown
    assert press(client, asking, "approve", state=seen(asking)).status_code == 403


def test_voided_decisions_stay_and_say_why(client, asking, bea, ada):
    decide(asking, "approve", by=bea)
    submit(asking, "notes", b"done otherwise", by=ada)
    decide(asking, "reject", by=bea, reason="It cannot be paid twice")
    client.force_login(bea)

    shown = plain(section(page(client, asking)))

    assert "bea approved it Void" in shown
    assert "does not count: the evidence has changed since" in shown
    assert "bea rejected it It cannot be paid twice" in shown


def test_once_approved_the_page_says_to_advance(client, asking, bea, operator):
    client.force_login(bea)
    assert "0 of 1 given" in plain(page(client, asking))
    assert "primary" in section(page(client, asking))

    decide(asking, "approve", by=bea)

    shown = page(client, asking)
    assert "1 of 1 given" in plain(shown)
    assert "It has no task in Work, and is approved" in plain(shown)
    assert "Press Advance: that runs its checks." in plain(shown)
    assert "primary" not in section(shown)  # what helps now is Advance
    Ticket.objects.move(asking.pk, "DONE", by=operator)
    assert "bea approved it Past" in plain(section(page(client, asking)))


def test_a_phase_that_asks_for_none_has_no_section(client, ticket, operator):
    client.force_login(operator)
    assert 'id="approvals"' not in page(client, ticket)


def test_the_page_takes_as_many_statements_for_twenty_decisions_as_for_one(client, asking, bea):
    client.force_login(bea)
    decide(asking, "reject", by=bea, reason="no")
    page(client, asking)
    with CaptureQueriesContext(connection) as one:
        page(client, asking)
    for _ in range(19):
        decide(asking, "reject", by=bea, reason="no")

    with CaptureQueriesContext(connection) as twenty:
        page(client, asking)

    assert len(twenty) == len(one)


def test_approvals_beyond_the_decisions_shown_count_too(client, asking, project, django_user_model, operator):
    for number in range(22):
        person = django_user_model.objects.create_user(f"approver-{number}")
        Member.objects.create(project=project, user=person, role="approver")
        decide(asking, "approve", by=person)
    client.force_login(operator)

    shown = plain(section(page(client, asking)))

    assert "22 of 1" in shown
    assert shown.count("approved it") == 20
    assert "And 2 earlier decisions." in shown


def test_each_decision_has_its_words():
    assert set(approval_state.DID) == set(Decision.values)
