"""`manage.py tasks retry|cancel|bump|prioritize --filter`."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from omoi_site.errors import Invalid
from tests.tickets.queue.test_bulk_acts import fail_new
from tickets.models import BulkAct, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(capsys):
    def run(*words):
        call_command("tasks", *words, "--reason", "mended")
        return capsys.readouterr().out

    return run


def test_all_that_match(run, ticket, ada, operator):
    failed = fail_new(3, ticket, ada, operator)
    retry = ("retry", "--filter", "status=failed", "--filter", "project=omo")

    would = json.loads(run(*retry, "--dry-run", "--json"))
    assert would == {"act": "retry", "matched": 3, "possible": 3, "not_possible": [], "dry_run": True}
    assert not BulkAct.objects.exists()
    assert run(*retry) == "3 tasks matched; 3 retried.\n"
    assert "is pending" in run("prioritize", f"{ticket.key}.{failed[0]}", "--to", "high")
    done = json.loads(run("prioritize", "--filter", "status=ready", "--to", "high", "--json"))
    assert (done["done"], done["not_done"]) == (
        2,
        [{"number": 1, "why": "same", "what": "of that priority already"}],
    )
    assert "would be cancelled" in run("cancel", f"{ticket.key}.{failed[0]}", "--dry-run")
    assert run("bump", "--filter", "priority=high") == "3 tasks matched; 3 bumped.\n"
    assert run("cancel", "--filter", "ticket=" + ticket.key) == "3 tasks matched; 3 cancelled.\n"
    assert set(Task.objects.values_list("state", flat=True)) == {"cancelled"}


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (["everything"], "is no filter"),
        (["project="], "project is empty: leave it out to ask for all"),  # a variable that is not set
        (["project=OMO", "project=PAY"], "project stands twice"),
    ],
)
def test_what_does_not_say_which_is_refused(run, task, filters, words):
    with pytest.raises(Invalid, match=words):
        run("cancel", *(word for each in filters for word in ("--filter", each)))
    assert Task.objects.get(pk=task.pk).state == "pending"
