"""An act on many thousands of tasks: each batch costs the same, whichever it is."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from tests.support import cluster, large_world
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tickets.models import BulkAct, Task
from tickets.models.queue.bulk_act import BATCH
from tickets.models.queue.task_filter import TaskFilter

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    "number", [2_000, pytest.param(100_000, marks=pytest.mark.campaign)], ids=["2,000", "100,000"]
)
def test_each_batch_costs_the_same_and_each_task_is_retried_once(number, ticket, task, ada, operator):
    large_world.make(ticket, task, ada, large_world.Size(number // 10, number, agents=1, lanes=5))
    with cluster.superuser(connection.settings_dict["NAME"]) as link, large_world.unguarded(link):
        link.execute(
            "UPDATE tickets_task SET state = 'failed', holder_id = NULL, lease_expires_at = NULL,"
            f" ended_at = now(), open_needs = 0, edges_left = 0 WHERE id > {large_world.FIRST}".encode()
        )
    vacuum()
    bulk = BulkAct.objects.prepare(
        "retry", TaskFilter(status="failed"), by=operator, projects=[ticket.project]
    )
    assert (bulk.number, bulk.preview()) == (number, (number, []))
    BulkAct.objects.confirm(bulk.pk, by=operator, reason="mended")

    buffers, statements = [], []
    while True:
        with CaptureQueriesContext(connection) as asked:
            if bulk.number - bulk.done in (number - BATCH, BATCH):  # the second, and the last one
                with costs(forbidden=True) as found:
                    more = BulkAct.objects.carry_on()
                buffers.append(sum(cost.buffers for cost in found))
            else:
                more = BulkAct.objects.carry_on()
        statements.append(len(asked))
        bulk.refresh_from_db()
        if not more:
            break

    assert (bulk.state, bulk.done, len(statements)) == ("done", number, number // BATCH)
    assert max(statements[2:-1]) <= statements[0]
    assert buffers[1] <= 1.5 * buffers[0]
    assert Event.objects.filter(kind="task.retried").count() == number
    assert not Task.objects.filter(state="failed").exists()
