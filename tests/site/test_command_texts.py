"""Commands take only text that can be stored, and print nothing that a terminal would obey."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from tests.site.test_commands import json_output, refusal
from tickets.models import Outcome, Task


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "words",
    [
        *("agents drain \udcff", "agents drain ada --reason \udcff", "tasks bump \udcff.1 --reason x"),
        *("pools open \udcff", "explain \udcff", "agents create new --capability ok --capability \udcff"),
    ],
    ids=ascii,
)
def test_an_argument_that_is_no_utf_8_is_refused(ada, capsys, words):
    refused = refusal(capsys, *words.split())
    assert refused.startswith("'\\udcff")
    assert refused.endswith("' is not text in UTF-8\n")
    ada.refresh_from_db()
    assert ada.state == "available"


@pytest.mark.django_db(transaction=True)
def test_what_an_agent_wrote_does_not_reach_the_terminal_as_an_order(task, ada, capsys):
    [claim] = Task.objects.claim(by=ada)
    error = "\x1b]0;pwned\x07\x9b31m it\ttore\r\nin two"
    Task.objects.settle([Outcome(claim.task, claim.fence, "failed", error=error, kind="permanent")], by=ada)

    for words in ("explain", task.key), ("agents", "history", ada.name), ("attention",):
        call_command(*words)
        shown = capsys.readouterr().out
        assert "⟦U+001B⟧]0;pwned⟦U+0007⟧⟦U+009B⟧31m it" in shown, words
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)

    assert refusal(capsys, "agents", "drain", "\x1b[2J") == (
        "there is no agent ⟦U+001B⟧[2J\n`python3 manage.py agents list` names them.\n"
    )
    assert json_output(capsys, "agents", "history", ada.name)["results"][0]["why"] == error
