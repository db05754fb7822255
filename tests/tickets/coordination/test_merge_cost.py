"""What a merge reads of its tasks before it refuses their results."""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import complete
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tickets.models import OperationSpec, Task, TaskSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 20
LARGE = """
UPDATE tickets_task
SET result = (
  SELECT jsonb_build_object('text', string_agg(md5(tickets_task.id::text || number), ''))
  FROM generate_series(1, 20000) number
)
"""


def test_results_that_are_too_large_together_are_refused_without_reading_them(ticket, ada, operator):
    Agent.objects.filter(pk=ada.pk).update(capacity=MANY)
    tasks = Task.objects.add(ticket, [TaskSpec(f"{place}") for place in range(MANY)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=MANY):
        complete(claim, by=ada)
    sql.rows(LARGE)
    vacuum()

    merge = TaskSpec(
        "all", needs=[NeedSpec(task.pk) for task in tasks], coordination=OperationSpec("merge", "union")
    )
    with costs() as found:
        [made] = Task.objects.add(ticket, [merge], by=operator)

    assert made.state == "failed"
    assert "larger than 1 MiB" in made.error
    [looked] = [cost for cost in found if "RECURSIVE waiting" in cost.text]
    assert looked.buffers < 10 * MANY
