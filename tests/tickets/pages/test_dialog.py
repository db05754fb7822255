"""The dialog of an action after a refusal: whose change it was, and whether it was this one already."""

from __future__ import annotations

import pytest

from tests.factories import submit
from tests.support.html import squeeze
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

DONE_ALREADY = "This is done already; nothing was done twice"


@pytest.fixture
def act(client, operator, ticket):
    """Send the dialog of an action, as the page's script does. Gives the answer's status and its text."""
    client.force_login(operator)

    def act(name, **typed):
        answer = client.post(f"/tickets/{ticket.key}/{name}/", typed, headers={"HX-Request": "true"})
        return answer.status_code, squeeze(answer.content.decode())

    return act


@pytest.fixture
def change(ticket, operator):
    """Change the ticket as the person did in another tab."""
    return lambda verb, **how: Ticket.objects.act(ticket.pk, verb, by=operator, **how)


def version(ticket):
    return Ticket.objects.get(pk=ticket.pk).version


def test_criteria_are_not_called_written_because_something_else_was_edited(act, change, ticket):
    stale = version(ticket)
    change("edit", title="Another")

    status, shown = act("criteria", acceptance="once\nsafe", version=stale)

    assert (status, DONE_ALREADY in shown) == (412, False)
    assert "once safe</textarea>" in shown
    assert "You changed it yourself" in shown
    assert act("criteria", acceptance="once\nsafe", version=version(ticket))[0] == 200
    assert DONE_ALREADY in act("criteria", acceptance="once\r\n safe ", version=stale)[1]


def test_evidence_is_not_called_named_because_that_of_another_criterion_was(act, change, ticket, operator):
    change("edit", acceptance=["once", "safe"])
    submit(ticket, "notes", b"x", by=operator)
    stale = version(ticket)
    change("answer", number=1, evidence="notes")

    status, shown = act("answer", number="2", evidence="DOING/notes", version=stale)

    assert (status, DONE_ALREADY in shown) == (412, False)
    assert "named the evidence of a criterion" in shown
    assert '<option value="2" selected>' in shown
    assert DONE_ALREADY in act("answer", number="1", evidence="DOING/notes", version=stale)[1]


def test_a_follow_up_whose_answer_was_lost_is_opened_once(act, ticket, operator):
    Ticket.objects.move(ticket.pk, "DONE", by=operator, force=True, reason="it is done by hand")
    assert act("follow-up", reason="More", state="0")[0] == 200

    status, shown = act("follow-up", reason="More", state="0")
    other_status, other = act("follow-up", reason="Yet more", state="0")

    assert (status, DONE_ALREADY in shown) == (409, True)
    assert (other_status, DONE_ALREADY in other) == (409, False)
    assert "opened a follow-up" in other
    assert "Yet more</textarea>" in other
    assert Ticket.objects.count() == 2
    assert act("follow-up", reason="Yet more", state="1")[0] == 200


def test_a_follow_up_is_opened_once_though_somebody_opened_another_meanwhile(
    act, ticket, operator, django_user_model
):
    Ticket.objects.move(ticket.pk, "DONE", by=operator)
    assert act("follow-up", reason="More", state="0")[0] == 200
    dana = django_user_model.objects.create_superuser("dana", password=None)
    for title in ("More", "Others"):
        Ticket.objects.open(ticket.project, TicketSpec(title, follow_up=ticket), by=dana)

    status, shown = act("follow-up", reason="More", state="0")

    assert (status, DONE_ALREADY in shown) == (409, True)
    other = act("follow-up", reason="Others", state="0")[1]
    assert (DONE_ALREADY in other, "dana was faster" in other) == (False, True)


def test_a_change_of_the_workflows_version_is_told_in_words(act, ticket, operator):
    Workflow.objects.install(Workflow.objects.latest_of("simple").text.replace(", TODO", ""), by=operator)
    stale = version(ticket)
    Ticket.objects.follow(ticket.pk, 2, by=operator)

    status, shown = act("pause", reason="until May", version=stale)

    assert status == 412
    assert "changed the version of its workflow" in shown
