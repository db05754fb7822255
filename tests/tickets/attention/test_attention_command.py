"""`manage.py attention`."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from omoi_site.errors import NotFound
from tests.factories import fail
from tickets.models import Task

pytestmark = pytest.mark.django_db


def run(*words):
    out = StringIO()
    call_command("attention", *words, stdout=out)
    return out.getvalue()


def test_it_prints_what_needs_somebody(task, ada):
    assert run() == "Nothing needs anybody.\n"
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent", error="the disk is full")

    [item] = json.loads(run("--json"))["results"]
    assert (item["kind"], item["subject"], item["people"]) == ("task_failed", task.key, ["admin"])
    assert f"{task.key} (task failed, for " in run("--project", "omo")
    assert (
        f"For the operator (admin): Retry. python3 manage.py tasks retry {task.pk} --reason TEXT\n" in run()
    )
    assert run("--kind", "move_fault") == "Nothing needs anybody.\n"
    with pytest.raises(NotFound):
        run("--project", "NONE")
