"""The page of a ticket's context: what it shows, its forms, and two versions compared."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.factories import complete
from tickets.models import ContextNote, PhaseContext, Task, TaskSpec, Ticket
from tickets.pages import context_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def with_notes(ticket, operator):
    """A ticket in DOING, of which TODO knows something."""
    ContextNote.objects.add(
        ticket, "TODO", {"decision": ["Keep keys"], "risk": ["<script>alert(1)</script>"]}, by=operator
    )
    return Ticket.objects.get(pk=ticket.pk)


def at(ticket, more=""):
    return f"/tickets/{ticket.key}/context/{more}"


def shown(page, address, **query):
    answer = page.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_exactly_what_a_claim_gets(page, with_notes, task, ada):
    [claim] = Task.objects.claim(by=ada)

    text = shown(page, at(with_notes))

    [json_text] = re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    assert json.loads(html.unescape(json_text)) == claim.brief["context"] != {}
    assert f"about {claim.brief['context']['tokens']} of 2000 tokens" in text


def test_what_agents_and_people_write_is_text(page, with_notes):
    text = shown(page, at(with_notes))

    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "Keep keys" in text


def test_invisible_characters_are_shown_by_their_number(page, ticket, operator):
    ContextNote.objects.add(ticket, "TODO", {"note": ["pay\u202eload"]}, by=operator)

    assert "pay⟦U+202E⟧load" in shown(page, at(ticket))


def test_a_note_is_added_by_a_form_without_script(page, ticket):
    answer = page.post(at(ticket), {"kind": "risk", "phase": "TODO", "text": "Old clients"}, follow=True)

    assert "The risk stands." in answer.content.decode()
    assert ContextNote.objects.get().text == "Old clients"
    page.post(at(ticket), {"kind": "risk", "phase": "TODO", "text": "Old clients"})  # sent again
    assert ContextNote.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"kind": "decision", "phase": "TODO", "text": "<b>" + "x" * 2_100},
        {"kind": "risk", "phase": "NOWHERE", "text": "kept"},
        {"kind": "mood", "phase": "", "text": " \u200b"},
    ],
)
def test_a_refused_form_keeps_what_was_typed(page, ticket, typed):
    answer = page.post(at(ticket), typed)

    assert answer.status_code == 422
    text = html.unescape(answer.content.decode())
    assert 'id="refused"' in text
    assert typed["text"] in text
    assert not ContextNote.objects.exists()


def test_a_form_with_nul_is_refused(page, with_notes):
    note = ContextNote.objects.get(ticket=with_notes, kind="risk")
    sent = {"kind": "note", "text": "a\0b", "phase": ""}
    assert page.post(at(with_notes), sent).status_code == 400
    assert page.post(at(with_notes, f"notes/{note.pk}/withdraw/"), {"reason": "a\0b"}).status_code == 400
    assert ContextNote.objects.standing().filter(ticket=with_notes).count() == 2


def test_a_note_is_withdrawn_and_stays_visible(page, with_notes):
    note = ContextNote.objects.get(kind="decision")

    answer = page.post(at(with_notes, f"notes/{note.pk}/withdraw/"), {"reason": "we use tokens"}, follow=True)

    text = answer.content.decode()
    assert "The decision is withdrawn." in text
    assert "1 withdrawn" in text
    assert "we use tokens" in text
    assert page.post(at(with_notes, "notes/999/withdraw/"), {}).status_code == 404
    assert page.get(at(with_notes, f"notes/{note.pk}/withdraw/")).status_code == 405


def test_of_many_that_were_withdrawn_the_newest_are_shown(page, ticket, operator, monkeypatch):
    monkeypatch.setattr(context_page, "WITHDRAWN", 3)
    texts = [f"note number {n}" for n in range(5)]
    for note in ContextNote.objects.add(ticket, "TODO", {"note": texts}, by=operator):
        ContextNote.objects.withdraw(ticket, note.pk, by=operator)

    text = shown(page, at(ticket))

    assert [each in text for each in texts] == [False, False, True, True, True]
    assert "3 withdrawn" in text


def test_one_who_only_looks_gets_no_form(client, project, with_notes, django_user_model):
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    client.force_login(vera)

    text = shown(client, at(with_notes))

    assert "You need the role of an operator" in text
    assert "Withdraw" not in text
    refused = client.post(at(with_notes), {"kind": "note", "phase": "TODO", "text": "mine"})
    assert (refused.status_code, ContextNote.objects.count()) == (403, 2)
    stranger = django_user_model.objects.create_user("mallory")
    client.force_login(stranger)
    assert client.get(at(with_notes)).status_code == 404


def test_two_versions_are_compared_line_by_line(page, with_notes, operator):
    ContextNote.objects.withdraw(with_notes, ContextNote.objects.get(kind="decision").pk, by=operator)
    assert "Compare 2 versions" in shown(page, at(with_notes))

    text = shown(page, at(with_notes, "compare/"), phase="TODO")

    assert re.search(r'class="removed">.*?Keep keys', text, re.DOTALL)
    assert "The same content" in shown(page, at(with_notes, "compare/"), phase="TODO", old="2", new="2")
    for query in ({"phase": "DOING"}, {"phase": "TODO", "old": "7"}, {"phase": "TODO", "new": "x"}, {}):
        assert page.get(at(with_notes, "compare/"), query).status_code == 404


def test_a_phase_of_many_items_shows_some_and_leads_to_the_rest(page, ticket, operator):
    ContextNote.objects.add(ticket, "TODO", {"note": [f"note number {n}" for n in range(30)]}, by=operator)

    assert "Show 10 more" in shown(page, at(ticket))
    assert "note number 29" in shown(page, at(ticket), phase="TODO")
    assert "Nothing is known of this phase" in shown(page, at(ticket), phase="DONE")


def test_the_ticket_page_says_that_only_the_phase_of_the_work_knows_something(page, ticket, operator):
    ContextNote.objects.add(ticket, "DOING", {"risk": ["Old clients"]}, by=operator)

    assert "Claims get what was noted for this phase." in shown(page, f"/tickets/{ticket.key}/")


def test_the_ticket_page_leads_there(page, with_notes):
    text = shown(page, f"/tickets/{with_notes.key}/")

    assert f'href="{at(with_notes)}"' in text
    assert "Todo decision: Keep keys" in text


@pytest.mark.full
def test_it_takes_as_many_statements_for_much_as_for_little(page, ticket, operator, ada):
    counts = []
    page.get(at(ticket))
    for many in (1, 30):
        for number in range(many):
            Task.objects.add(ticket, [TaskSpec(f"Task {many}.{number}")], by=operator)
            [claim] = Task.objects.claim(by=ada)
            complete(claim, by=ada, result={"context": {"risks": [f"risk {many}.{number}"]}})
            notes = {"note": [f"note {many}.{number}"], "risk": [f"seen {many}.{number}"]}
            ContextNote.objects.add(ticket, "TODO", notes, by=operator)
        with CaptureQueriesContext(connection) as asked:
            page.get(at(ticket))
        counts.append(len(asked))
    assert PhaseContext.objects.count() == 31
    assert counts[0] == counts[1]
