"""`manage.py approvals`: what people decided about a ticket, and deciding on this machine."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command

from agents.models import Member
from omoi_site.errors import NotFound, OmoiError
from tests.factories import asks_for_approvals
from tickets.models import Approval, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asking(project, operator, django_user_model):
    user = django_user_model.objects.create_user("bea")
    Member.objects.create(project=project, user=user, role="approver")
    return Ticket.objects.open(project, TicketSpec("Pay", workflow=asks_for_approvals(project)), by=operator)


def run(capsys, *words):
    call_command("approvals", *words, "--json")
    return json.loads(capsys.readouterr().out)


def test_a_person_decides_about_what_the_list_shows(asking, capsys):
    shown = run(capsys, "list", asking.key)
    assert (shown["asked"], shown["approvals"]) == ({"count": 1, "role": "approver"}, [])

    made = run(capsys, "approve", asking.key, "--as", "bea", "--seen", shown["evidence"])
    assert (made["decision"], made["by"], made["state"]) == ("approve", "user:bea", "counts")
    run(capsys, "request-changes", asking.key, "--as", "bea", "--seen", shown["evidence"], "--reason", "Why?")

    states = [row["state"] for row in run(capsys, "list", asking.key)["approvals"]]
    assert states == ["overruled", "stands"]
    call_command("approvals", "list", asking.key)
    said = capsys.readouterr().out
    assert "which asks for 1 by an approver" in said
    overruled = r"\(does not count: somebody rejected it or requested changes since\)"
    assert re.search(rf"^- bea approved it \d+ seconds? ago {overruled}$", said, re.MULTILINE)
    assert re.search(r"^- bea requested changes \d+ seconds? ago: Why\?$", said, re.MULTILINE)


def test_what_is_refused_elsewhere_is_refused_here(asking):
    with pytest.raises(NotFound, match="no active person nobody") as refused:
        call_command("approvals", "approve", asking.key, "--as", "nobody", "--seen", "0")
    assert refused.value.next_action
    with pytest.raises(OmoiError, match="has changed"):
        call_command("approvals", "reject", asking.key, "--as", "bea", "--seen", "0", "--reason", "no")
    assert not Approval.objects.exists()
