"""Every event has a declared kind, and every declared kind is written somewhere."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command

from agents.models import Event
from agents.models.event_kinds import UndeclaredKind, declared
from tests.support import ROOT

KIND = re.compile(r"""["']([a-z]+(?:\.[a-z]+)?\.[a-z_]+)["']""")
WRITES = re.compile(r"INSERT INTO agents_event\b|_events\(|\.record\(|Event\.objects\.create\(")
# Files that name kinds of events only to wait for them, to show them or to declare them.
READERS = {"journal_changes.py", "wake_up.py", "event_kinds.py"}
# The example in the model, the name of a log, and acts that another app joins.
NOT_KINDS = {
    *("noun.past_tense", "omoi.access"),
    *("project.chose_workflow", "project.limited", "project.named_phase", "agent.named_phases"),
}
# Kinds that are put together: of settled tasks in SQL, of the parts of a pattern, and of requests by whose
# they are.
PARTS = {f"coordination.{part}.created" for part in ("sync", "merge", "join")}
COMPOSED = {"task.completed", "task.failed", *PARTS} | {
    f"{whose}.{what}"
    for whose, what in [
        ("agent", "refused"),
        ("user", "refused"),
        ("user", "signed_in"),
        ("user", "signed_out"),
        ("user", "sign_in_failed"),
        ("user", "sign_in_refused"),
    ]
}


def written():
    """The kinds in the files that write events; a column such as `t.priority` stands in none of their quotes
    with a noun of more than two letters.
    """
    kinds = set()
    for app in ("agents", "tickets", "collaboration"):
        files = [*(ROOT / app).glob("models/**/*.py"), *(ROOT / app).glob("migrations/sql/*.sql")]
        for file in files:
            code = file.read_text()
            if file.name not in READERS and WRITES.search(code):
                kinds |= {kind for kind in KIND.findall(code) if len(kind.partition(".")[0]) > 2}
    return kinds - NOT_KINDS


def test_all_that_is_written_is_declared():
    assert written() - set(declared()) == set()


def test_all_that_is_declared_is_written():
    assert set(declared()) - written() - COMPOSED == set()


def test_each_says_what_it_tells():
    for kind, text in declared().items():
        assert re.fullmatch(r"[a-z]+(\.[a-z]+)?\.[a-z]+(_[a-z]+)*", kind), kind
        assert re.fullmatch(r"[A-Z].+\.", text), kind


@pytest.mark.django_db
def test_an_event_of_another_kind_is_not_stored(ticket):
    with pytest.raises(UndeclaredKind, match=r"ticket\.sung is not declared"):
        ticket.record("ticket.sung", by="system:test")
    assert not Event.objects.filter(kind="ticket.sung").exists()


def test_a_command_lists_them(capsys):
    call_command("events", "kinds", "--json")
    assert json.loads(capsys.readouterr().out)["kinds"] == declared()
