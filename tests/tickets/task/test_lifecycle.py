"""docs/lifecycle.md says what the triggers hold."""

from __future__ import annotations

import re
from itertools import product

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from tickets.models import OperationSpec, PhaseMove, Task, TaskSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db

PAGE = (settings.ROOT / "docs" / "lifecycle.md").read_text()


def arrows(table):
    """The pairs (from, to) in the first two columns of the table under this heading."""
    section = PAGE.partition(f"\n## {table}\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    first = next(place for place, row in enumerate(cells) if row[0] == "from")
    rows = [row for row in cells[first + 2 :] if len(row) == len(cells[first])]
    return {(row[0], row[1]) for row in rows}


def into(task, state):
    """Whatever a state demands beside its name."""
    held = (
        {"holder_id": task.holder_id, "lease_expires_at": task.lease_expires_at}
        if state == "claimed"
        else {"holder": None, "lease_expires_at": None}
    )
    return {"state": state, "timeout_at": None, "fence": task.fence + 1, **held}


def ends_by_itself(task, state):
    """Whether a sync that waits for the task may get this state; nothing of it is kept."""
    sync = TaskSpec("Wait", needs=[NeedSpec(task.pk)], coordination=OperationSpec("sync"))
    try:
        with transaction.atomic():
            Task.objects.filter(pk=task.pk).update(state="pending", holder=None, lease_expires_at=None)
            [made] = Task.objects.add(task.ticket, [sync], by="system:tests")
            Task.objects.filter(pk=made.pk).update(state=state, fence=0)
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


def test_the_page_has_every_arrow_of_a_task_and_no_other(task, ada):
    told = arrows("Tasks")
    Task.objects.claim(by=ada)
    holder = Task.objects.get(pk=task.pk)
    ways = {
        "pending": [],
        "claimed": ["claimed"],
        "completed": ["claimed", "completed"],
        "failed": ["claimed", "failed"],
        "cancelled": ["cancelled"],
    }
    passed = set()
    for before, after in product(Task.State.values, repeat=2):
        if before == after:
            continue
        try:
            with transaction.atomic():
                holder.fence = 100
                Task.objects.filter(pk=task.pk).update(**into(holder, "pending"))
                for step in ways[before]:
                    holder.fence += 1
                    Task.objects.filter(pk=task.pk).update(**into(holder, step))
                with transaction.atomic():
                    holder.fence += 1
                    Task.objects.filter(pk=task.pk).update(**into(holder, after))
                passed.add((before, after))
                transaction.set_rollback(True)
        except IntegrityError:
            pass
    for after in Task.State.values:
        if after != "pending" and ends_by_itself(task, after):
            passed.add(("pending", after))
    assert {(before, after) for before, after in told if before} == passed
    assert {after for before, after in told if not before} == {"pending", "completed"}


def test_the_drawing_has_the_arrows_of_the_table():
    drawn = re.findall(r"^    (\S+) --> (\w+)", PAGE, re.MULTILINE)
    assert {("" if before == "[*]" else before, after) for before, after in drawn} == arrows("Tasks")


def test_the_page_names_every_ground_of_a_move():
    section = PAGE.partition("\n## Tickets\n")[2]
    assert {ground for ground in PhaseMove.Ground.values if f"`{ground}`" not in section} == set()
