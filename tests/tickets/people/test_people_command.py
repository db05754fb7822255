"""People at work, by command."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from omoi_site.errors import NotFound
from tickets.models import Task
from tickets.models.claim.fence import ClaimLost

pytestmark = pytest.mark.django_db


def run(capsys, *words, **how):
    call_command("tasks", *words, json=True, **how)
    return json.loads(capsys.readouterr().out)


def test_take_settle(task, eve, capsys):
    taken = run(capsys, "take", task.key, "--person", "eve", "--reason", "mine")
    assert taken == {
        "key": task.key,
        "state": "claimed",
        "holder": "user:eve",
        "fence": 1,
        "changed": True,
        "dry_run": False,
    }
    done = run(capsys, "settle", task.key, "--person", "eve", "--outcome", "completed", "--reason", "done")
    assert done == {"key": task.key, "state": "completed"}


def test_take_release(task, eve, capsys):
    run(capsys, "take", task.key, "--person", "eve", "--reason", "mine")
    assert run(capsys, "release", task.key, "--person", "eve", "--reason", "later")["state"] == "pending"


@pytest.mark.parametrize(("outcome", "state"), [("failed", "failed"), ("again", "pending")])
def test_failures(task, eve, capsys, outcome, state):
    run(capsys, "take", task.key, "--person", "eve", "--reason", "mine")
    done = run(capsys, "settle", task.key, "--person", "eve", "--outcome", outcome, "--reason", "bad")
    assert done["state"] == state


def test_reassign(task, eve, ada, capsys):
    given = run(capsys, "reassign", task.key, "--to", "ada", "--reason", "hers")
    assert (given["holder"], given["changed"]) == ("ada", True)
    call_command("tasks", "reassign", task.key, "--to", "user:eve", "--reason", "no, hers")
    assert capsys.readouterr().out == f"eve holds {task.key}.\n"
    call_command("tasks", "reassign", task.key, "--to", "user:eve", "--reason", "again")
    assert capsys.readouterr().out == f"eve holds {task.key} already.\n"


def test_a_dry_run_changes_nothing(task, eve, ada, capsys):
    [claim] = Task.objects.claim(by=ada)
    given = run(capsys, "reassign", task.key, "--to", "user:eve", "--reason", "hers", "--dry-run")
    assert (given["holder"], given["state"], given["dry_run"]) == ("user:eve", "claimed", True)
    task.refresh_from_db()
    assert (task.holder, task.fence) == (ada, claim.fence)


def test_nobody_settles_what_another_holds(task, eve, dan, capsys):
    run(capsys, "take", task.key, "--person", "eve", "--reason", "mine")
    with pytest.raises(ClaimLost):
        call_command(
            "tasks", "settle", task.key, "--person", "dan", "--outcome", "completed", "--reason", "x"
        )
    assert Task.objects.get(pk=task.pk).state == "claimed"


def test_who_is_not_there_is_refused(task, capsys):
    with pytest.raises(NotFound, match="no person"):
        call_command("tasks", "take", task.key, "--person", "nobody", "--reason", "x")
