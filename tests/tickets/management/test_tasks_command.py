"""`manage.py tasks`: cancel with what follows, retry, bump."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from omoi_site.errors import Invalid, NotFound
from tickets.models import Edge, Need, Task, TaskSpec
from tickets.models.task.dependants import DependantsUndecided

pytestmark = pytest.mark.django_db


@pytest.fixture
def then(ticket, task, operator):
    """A task that needs `task` to succeed."""
    [added] = Task.objects.add(ticket, [TaskSpec("Publish it")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, added.pk)], by=operator)
    return added


def run(capsys, *words):
    call_command("tasks", *words)
    return capsys.readouterr().out


def state(task):
    task.refresh_from_db()
    return task.state


def test_a_task_is_cancelled_retried_and_bumped(capsys, task):
    assert run(capsys, "cancel", task.key, "--reason", "not needed") == f"{task.key} is cancelled.\n"
    assert state(task) == "cancelled"
    assert run(capsys, "retry", task.key.lower(), "--reason", "it is") == f"{task.key} is pending.\n"
    assert json.loads(run(capsys, "bump", task.key, "--reason", "now", "--json")) == {
        "key": task.key,
        "state": "pending",
        "dry_run": False,
    }


def test_what_needs_it_is_asked_about(capsys, task, then):
    with pytest.raises(DependantsUndecided):
        run(capsys, "cancel", task.key, "--reason", "not needed")
    assert state(task) == "pending"

    words = ["cancel", task.key, "--reason", "not needed", "--dependants", "cancel"]
    told = run(capsys, *words, "--dry-run")
    assert told == f"{task.key} would be cancelled.\n- {then.key} is cancelled too: Publish it\n"
    assert (state(task), state(then)) == ("pending", "pending")

    told = run(capsys, *words)
    assert told == f"{task.key} is cancelled.\n- {then.key} is cancelled too: Publish it\n"
    assert (state(task), state(then)) == ("cancelled", "cancelled")


@pytest.mark.parametrize("key", ["OMO-1", "OMO-1.", "OMO-1.x", "OMO-1.99999999999999999999", "OMO-1.٣"])
def test_what_is_no_task_is_refused(capsys, ticket, key):
    with pytest.raises(NotFound, match="there is no task"):
        run(capsys, "cancel", key, "--reason", "not needed")


def test_a_reason_is_needed(capsys, task):
    with pytest.raises(Invalid):
        run(capsys, "cancel", task.key, "--reason", " ")
    assert state(task) == "pending"
