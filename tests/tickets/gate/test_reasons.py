"""An invisible reason does not count as a reason, for any caller."""

from __future__ import annotations

import pytest
from django.urls import reverse

from agents.models import Agent, Event, Project
from omoi_site import field_limits
from omoi_site.errors import Invalid
from tests.support.api_client import api_of
from tickets.models import PhaseMove, Task, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)
UNSEEN = {
    "zero width": "\u200b" * 20,
    "joined": "\u200d\u2060\ufeff\u00ad" * 5,
    "fillers": "\u3164\u115f\uffa0\u2800" * 5,
    "marks and tags": "\ufe0f\U000e0041\U000e0100\u034f" * 5,
    "direction": "\u202e\u2066\u061c" * 7,
    "blanks of all kinds": " \t\n\u00a0\u2003\u3000\u2028\u0085" * 3,
}
unseen = pytest.mark.parametrize("reason", UNSEEN.values(), ids=UNSEEN.keys())


def test_what_a_reader_sees_is_what_counts():
    assert field_limits.seen("a\u200bb\u2060  c\n\n\u3164 d\ufe0f") == "ab c d"
    assert field_limits.seen("Grüße, 世界 – ok 👍") == "Grüße, 世界 – ok 👍"
    assert field_limits.reason("  kept as it is\u200b ") == "kept as it is\u200b"


@unseen
def test_no_verb_takes_it_where_it_needs_a_reason(ticket, task, operator, reason):
    verbs = [
        lambda: Ticket.objects.move(ticket.pk, "DONE", by=operator, reason=reason + "x", force=True),
        lambda: Ticket.objects.move(ticket.pk, "TODO", by=operator, reason=reason),
        lambda: Ticket.objects.move(ticket.pk, "BLOCKED", by=operator, reason=reason, cause="clarification"),
        lambda: Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason=reason),
        lambda: Task.objects.filter(pk=task.pk).cancel(by=operator, reason=reason),
        lambda: Task.objects.filter(pk=task.pk).retry(by=operator, reason=reason),
        lambda: Ticket.objects.open(
            ticket.project, TicketSpec("x", phase="DOING", reason=reason + "x"), by=operator
        ),
    ]
    for verb in verbs:
        with pytest.raises(Invalid, match=r"say why|say what|needs a reason"):
            verb()
    assert Ticket.objects.get().phase == "DOING"
    assert Task.objects.get().state == "pending"


@unseen
def test_no_door_takes_it(ticket, task, operator, client, reason):
    client.force_login(operator)
    calls = api_of(operator)
    at = f"/tickets/{ticket.key}"
    moves = [
        {"to": "DONE", "force": True},
        {"to": "BLOCKED", "class": "clarification"},
        {"to": "CANCELLED"},
        {"to": "TODO"},
    ]

    answers = [calls.post(f"{at}/transitions", {**move, "reason": reason}) for move in moves]
    answers += [
        calls.post(f"/tasks/{task.pk}/{word}", {"reason": reason}) for word in ("cancellation", "retry")
    ]
    for word, to in (("force", "DONE"), ("block", ""), ("cancel", ""), ("back", "TODO")):
        answers.append(client.post(f"{at}/{word}/", {"reason": reason, "to": to}))
    for word in ("cancel", "bump"):
        answers.append(client.post(f"{at}/tasks/{task.pk}/{word}/", {"reason": reason}))

    assert {answer.status_code for answer in answers} == {422}
    row = {"_selected_action": [ticket.pk], "reason": reason}
    page = client.post(reverse("admin:tickets_ticket_changelist"), {**row, "action": "block_tickets"})
    assert "Say why" in page.content.decode()
    assert Ticket.objects.get().phase == "DOING"
    assert Task.objects.get().state == "pending"
    assert PhaseMove.objects.exclude(reason="").count() == 0


@unseen
def test_where_a_reason_may_be_left_out_it_is_left_out(ticket, task, ada, operator, reason):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.release(claim.task, claim.fence, by=ada, reason=reason)
    Ticket.objects.act(ticket.pk, "pause", by=operator, reason=reason)
    Project.objects.act(ticket.project_id, "pause", by=operator, reason=reason)
    Agent.objects.act(ada.pk, "quarantine", by=operator, reason=reason)
    Task.objects.filter(pk=task.pk).bump(by=operator, reason=reason)

    assert Ticket.objects.get().pause_reason == Project.objects.get().pause_reason == ""
    assert set(
        Event.objects.filter(kind__in=["task.released", "task.bumped", "agent.quarantined"]).values_list(
            "reason", flat=True
        )
    ) == {""}


def test_the_reason_of_a_cancelled_ticket_may_be_as_long_as_any(ticket, task, operator):
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="x" * field_limits.REASON)

    assert Task.objects.get().state == "cancelled"
