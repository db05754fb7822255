"""`manage.py patterns`: list, show, check and apply."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from omoi_site.errors import Invalid, NotFound
from tickets.models import Task
from tickets.patterns.document import InvalidPattern

pytestmark = pytest.mark.django_db


def patterns(*words):
    out = StringIO()
    call_command("patterns", *words, stdout=out)
    return out.getvalue()


def test_the_shipped_ones_are_listed_and_shown():
    assert "majority_vote (source_task_id, question)" in patterns("list")
    assert patterns("show", "majority_vote").startswith("name: majority_vote\n")
    assert [one["name"] for one in json.loads(patterns("list", "--json"))["patterns"]] == [
        "majority_vote",
        "parallel_work",
        "review_together",
    ]


def test_a_document_is_checked_with_all_its_faults(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("type: sync\nid: all\nwaiting_task_ids: ['${one}']\n")
    assert patterns("check", str(file)) == "all: the document is valid. Its arguments: one.\n"
    file.write_text("type: sync\nid: 1\nrequired_count: 0\n")
    with pytest.raises(InvalidPattern) as refused:
        patterns("check", str(file))
    assert [error.get("line") for error in refused.value.more["errors"]] == [1, 2, 3]


def test_one_is_applied_once_after_a_dry_run(ticket, task):
    words = ["apply", ticket.key, "majority_vote", "--argument", f"source_task_id={task.pk}"]
    words += ["--argument", "question=a=b?"]
    seen = patterns(*words, "--dry-run")
    assert "voter_1: Answer, first: a=b? (Doing), after" in seen
    assert seen.endswith("6 tasks would be added to OMO-1.\n")
    assert Task.objects.count() == 1
    assert patterns(*words).endswith("6 tasks were added to OMO-1.\n")
    assert patterns(*words).endswith("The key majority_vote was applied before: nothing was added again.\n")
    assert Task.objects.count() == 7
    made = json.loads(patterns(*words, "--json"))
    assert {task["name"]: task["operation"] for task in made["tasks"]}["vote"] == "merge"
    assert made["edges"][0] == {
        "task": "voter_1",
        "needs": str(task.pk),
        "when": "success",
        "on_failure": "hold",
    }


def test_one_of_a_file_is_applied_with_its_phases(ticket, task, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "type: split\nid: s\nsource_task_id: '${of}'\ntarget_tasks: [{title: x, phase_id: PHASE_BUILD}]\n"
    )
    with pytest.raises(InvalidPattern, match="has no phase BUILD"):
        patterns("apply", ticket.key, str(file), "--argument", f"of={task.pk}")
    out = patterns("apply", ticket.key, str(file), "--argument", f"of={task.key}", "--phase", "BUILD=DOING")
    assert out.endswith("1 task was added to OMO-1.\n")


def test_what_cannot_be_applied_is_refused(ticket):
    with pytest.raises(Invalid, match="--argument x: write NAME=VALUE"):
        patterns("apply", ticket.key, "majority_vote", "--argument", "x")
    with pytest.raises(NotFound):
        patterns("apply", "OMO-77", "majority_vote")
    with pytest.raises(NotFound, match="there is no pattern nothing"):
        patterns("show", "nothing")
