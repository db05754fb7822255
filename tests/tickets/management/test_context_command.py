"""`manage.py context`: show, versions, compare, add, notes, withdraw."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from omoi_site.errors import Invalid, NotFound
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


def run(capsys, *words):
    call_command("context", *words)
    return capsys.readouterr().out


def document(capsys, *words):
    return json.loads(run(capsys, *words, "--json"))


def test_what_is_added_is_shown_and_withdrawn(capsys, ticket):
    assert "hands nothing over to Doing yet" in run(capsys, "show", ticket.key)

    [note] = document(capsys, "add", ticket.key, "--phase", "todo", "--decision", "Keep keys")["notes"]

    shown = document(capsys, "show", ticket.key)
    assert shown["context"] == Ticket.objects.get(pk=ticket.pk).context != {}
    assert "- TODO decision: Keep keys" in run(capsys, "show", ticket.key)
    assert "Keep keys" in run(capsys, "show", ticket.key, "--phase", "TODO")
    assert "system:cli" in run(capsys, "versions", ticket.key)
    gone = run(capsys, "withdraw", ticket.key, str(note["id"]), "--reason", "no longer")
    assert "(withdrawn by system:cli)" in gone
    assert "Keep keys" in run(capsys, "notes", ticket.key)
    assert any(
        "Keep keys" in line for line in document(capsys, "compare", ticket.key, "todo", "1", "2")["lines"]
    )
    assert "Nothing differs" in run(capsys, "compare", ticket.key, "todo", "2", "2")
    assert [row["number"] for row in document(capsys, "versions", ticket.key)["versions"]] == [1, 2]


def test_what_is_noted_for_the_phase_of_the_work_is_shown(capsys, ticket):
    run(capsys, "add", ticket.key, "--risk", "Old clients")

    lines = run(capsys, "show", ticket.key).splitlines()

    assert lines[1:] == ["No earlier phase hands anything over yet.", "- DOING risk: Old clients"]


def test_what_is_not_there_is_refused(capsys, ticket):
    with pytest.raises(NotFound, match="has no version 3"):
        run(capsys, "show", ticket.key, "--phase", "TODO", "--version", "3")
    with pytest.raises(NotFound, match="there is no ticket OMO-99"):
        run(capsys, "show", "OMO-99")
    with pytest.raises(Invalid, match="write a decision"):
        run(capsys, "add", ticket.key)
    with pytest.raises(NotFound, match="has no note 7"):
        run(capsys, "withdraw", ticket.key, "7")
    assert "Nothing was added" in run(capsys, "notes", ticket.key)
    assert "has kept nothing" in run(capsys, "versions", ticket.key)
