"""What a brief of context costs a claim: the same one statement, and the pages of the text itself."""

from __future__ import annotations

import secrets

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from bench.claim import asked, backlog, measure
from tickets.models import ContextNote, Task, Ticket
from tickets.models.claim.claim_sql import CLAIM

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 6  # of a text of some 8 kB that cannot be compressed, kept beside the row


def test_a_claim_takes_one_statement_and_the_pages_of_its_brief(ticket, operator, ada):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])
    backlog(ticket, 1_000, 1)
    without = sum(measure(CLAIM, asked(ada)).values())
    with CaptureQueriesContext(connection) as asked_before:
        [bare] = Task.objects.claim(by=ada)
    notes = {"decision": [secrets.token_hex(900) for _ in range(4)]}
    ContextNote.objects.add(ticket, "TODO", notes, by=operator)

    with CaptureQueriesContext(connection) as asked_after:
        [claim] = Task.objects.claim(by=ada)

    assert bare.brief["context"] == {}
    assert claim.brief["context"] == Ticket.objects.get(pk=ticket.pk).context
    assert claim.brief["context"]["tokens"] > 1_800
    assert len(asked_after) == len(asked_before)
    with_it = sum(measure(CLAIM, asked(ada)).values())
    assert with_it <= without + PAGES
