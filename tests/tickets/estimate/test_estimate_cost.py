"""What an estimate costs: it does not grow with the backlog, nor with all that was ever done."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection

from tests.support import cluster
from tests.support.costs import costs
from tests.support.hostile_statistics import beliefs
from tests.support.large_world import unguarded
from tests.support.vacuum import vacuum
from tests.tickets.estimate.test_estimate import estimate
from tickets.models import Edge, Need, StoredEstimate, Task, TaskSpec, Ticket
from tickets.models.estimate import ended_tickets, open_work, samples
from tickets.models.estimate import estimate as module
from tickets.runtime.estimate_sweep import EstimateSweep

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = [
    *("tickets_task", "tickets_ticket", "tickets_need", "tickets_phasemove", "tickets_storedestimate"),
    *("tickets_workflow", "tickets_workflowphase"),
]
A_SAMPLE = 8  # buffers at most: its row, and that of its ticket by the index
A_TICKET = 12  # its row, its moves and its estimates, each by an index
BESIDES = 60
COPY = """
INSERT INTO tickets_task ({columns})
SELECT {values}
FROM generate_series(1, {count}) n, tickets_task t
WHERE t.id = {task}
"""


def multiply(task, count):
    """So many copies of a completed task, each ended a second before the last."""
    names = [field.column for field in Task._meta.concrete_fields if not field.primary_key]
    earlier = {name: f"t.{name} - n * interval '1 s'" for name in ("claimed_at", "ended_at")}
    values = ", ".join(earlier.get(name, f"t.{name}") for name in names)
    text = COPY.format(columns=", ".join(names), values=values, count=count, task=task.pk)
    with cluster.superuser(connection.settings_dict["NAME"]) as link, unguarded(link):
        link.execute(text.encode())


def cost_of(ticket, **options):
    loaded = Ticket.objects.select_related("project", "workflow").get(pk=ticket.pk)
    with costs(**options) as found:
        module.estimate(loaded)
    return found


def most(tasks):
    return samples.NEWEST * A_SAMPLE + ended_tickets.NEWEST * A_TICKET + tasks * 20 + BESIDES


def test_it_does_not_grow_with_what_was_done_or_waits(worked, opened, monkeypatch):
    monkeypatch.setattr(samples, "NEWEST", 20)
    worked(*[100] * 25)
    Ticket.objects.advance_due()
    ticket = opened(TaskSpec("do it"), TaskSpec("do it"))
    done = Task.objects.filter(state="completed").first()
    counts = []
    for number in (10, 3_000):
        multiply(done, number)
        opened(*[TaskSpec("do it")] * min(number, 1_000))
        vacuum()
        found = cost_of(ticket)
        counts.append((len(found), sum(each.buffers for each in found)))

    (few_statements, few), (statements, many) = counts
    assert statements == few_statements <= 6
    assert many <= few + 30, counts
    assert many <= most(2), counts


@pytest.mark.full
def test_no_belief_about_the_tables_makes_it_read_all(worked, opened, monkeypatch):
    monkeypatch.setattr(samples, "NEWEST", 20)
    worked(*[100] * 25)
    Ticket.objects.advance_due()
    ticket = opened(TaskSpec("do it"), TaskSpec("do it"))
    multiply(Task.objects.filter(state="completed").first(), 3_000)
    opened(*[TaskSpec("do it")] * 1_000)
    vacuum()
    dear = []
    with beliefs(TABLES, count=12) as believed:
        for belief in believed:
            found = cost_of(ticket, forbidden=True)
            if sum(each.buffers for each in found) > most(2):
                dear.append((belief, [(each.label, each.buffers) for each in found]))
    assert not dear, dear


@pytest.mark.full
def test_its_statements_are_as_many_for_one_task_as_for_a_thousand(project, worked, opened, operator):
    worked(*[100] * 5)
    counts = []
    for number in (2, 1_000):
        ticket = opened(*[TaskSpec("do it")] * number)
        ids = list(ticket.tasks.order_by("id").values_list("pk", flat=True))
        edges = [Edge(one, two) for one, two in itertools.pairwise(ids)]
        Need.objects.add(project.pk, edges, by=operator)
        counts.append(len(cost_of(ticket)))
    assert counts[0] == counts[1]
    assert len(estimate(ticket).critical_path) == 1_000


def test_no_need_is_compared_with_all_tasks():
    """Of 5,000 tasks and 45,000 needs that alone took 3 s."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {open_work.OPEN_WAITS}", {"ids": [1, 2], "most": 10})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index" in plan
    assert "ANY" not in plan, plan


def test_a_turn_of_the_clock_without_moves_reads_a_few_pages(worked, opened):
    worked(*[100] * 30)
    sweep = EstimateSweep()
    sweep()
    sweep()
    vacuum()

    with costs() as found:
        assert sweep() == 0

    assert sum(each.buffers for each in found) <= 20
    assert StoredEstimate.objects.count() == 0
