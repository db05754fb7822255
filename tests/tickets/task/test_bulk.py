"""Any number of rows at once: no statement meets the limit of 65,535 parameters, and the cost grows with the
rows alone.
"""

from __future__ import annotations

import copy
import io

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from omoi_site.database import sql
from tests.support.backlog_files import issue, jsonl, wfformat
from tickets import interchange
from tickets.models import Need, Task, TaskSpec, Ticket
from tickets.models.task.create import BATCH
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db
PARAMETERS = 2**16 - 1


def brought(project, size):
    with CaptureQueriesContext(connection) as statements:
        told = interchange.run(
            "wfformat", io.BytesIO(wfformat(size)), project=project, by="system:test"
        ).as_dict()
    return told, len(statements)


@pytest.mark.full
def test_a_list_of_any_length_is_one_parameter(ticket, task):
    far = range(task.pk, task.pk + PARAMETERS + 1)
    assert list(Task.objects.filter(pk__in=far)) == [task]
    assert not Task.objects.exclude(pk__in=far).exists()
    assert list(Task.objects.filter(ticket__in=range(ticket.pk, ticket.pk + PARAMETERS + 1))) == [task]
    assert list(Ticket.objects.filter(key__in=[ticket.key, None, *map(str, range(PARAMETERS))])) == [ticket]
    assert list(Ticket.objects.in_bulk([*range(PARAMETERS + 1), ticket.pk])) == [ticket.pk]
    assert not Task.objects.filter(pk__in=[*far, far[-1] + 1], ticket__in=[]).exists()
    assert Event.objects.filter(data__title__in=[task.title, *map(str, range(2000))]).exists()


@pytest.mark.full
def test_rows_are_made_and_changed_in_as_many_statements_as_they_need(task):
    copies = [copy.copy(task) for _ in range(1500)]
    for each in copies:
        each.pk = None
    made = Task.objects.bulk_create(copies)[:700]
    for each in made:
        each.title = "Changed"
    assert (
        Task.objects.bulk_update(
            made, [field.name for field in Task._meta.concrete_fields if not field.primary_key]
        )
        == 700
    )
    assert Task.objects.filter(title="Changed").count() == 700


@pytest.mark.full
@pytest.mark.parametrize("size", [1700, pytest.param(20_000, marks=pytest.mark.full)])
def test_a_scientific_workflow_of_any_size_comes_in(project, size):
    told, _ = brought(project, size)
    assert (told["tasks"], Task.objects.count()) == (size, size)
    assert told["needs"] == Need.objects.count() > 2.9 * size
    assert Task.objects.ready().count() == 1
    assert Task.objects.filter(open_needs=3, edges_left=3).count() > 0.9 * size


@pytest.mark.full
def test_after_an_import_that_was_undone_the_next_costs_no_more(project):
    size = 1500
    with transaction.atomic():
        brought(project, size)
        transaction.set_rollback(True)
    sql.rows("ANALYZE tickets_task, tickets_need")  # as autovacuum does: pages, and no rows in them
    brought(project, size)
    read = sql.rows(
        "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint AS rows FROM pg_stat_xact_user_tables WHERE"
        " relname ~ '^tickets_(need|task)$'"
    )
    assert read[0]["rows"] < 200 * size


@pytest.mark.full
def test_an_import_asks_as_often_for_a_task_more_as_for_none(project):
    brought(project, BATCH)  # lanes and the like are there now
    (_, small), (_, large) = brought(project, 2 * BATCH - 1), brought(project, 3 * BATCH - 1)
    (_, one_more) = brought(project, 3 * BATCH)
    assert one_more == large
    assert large - small <= 4


@pytest.mark.parametrize("form", ["wfformat", "beads"])
@pytest.mark.full
def test_an_import_tells_how_far_it_is(project, form):
    size, made = 2 * BATCH + 1, []
    file = (
        io.BytesIO(wfformat(size)) if form == "wfformat" else jsonl(*(issue(f"bd-{n}") for n in range(size)))
    )
    interchange.import_parsed(
        interchange.read(form, file), project=project, by="system:test", watch=made.append
    )
    assert list(dict.fromkeys(made)) == [BATCH, 2 * BATCH, size]


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("size", [500, 1000])
def test_names_are_looked_up_and_not_searched(ticket, operator, size):
    Counted.compared = 0
    names = [Counted(f"t{n}") for n in range(size)]
    specs = [
        TaskSpec("Do it", ref=name, needs=[NeedSpec(Counted(names[place - 1]))] if place else [])
        for place, name in enumerate(names)
    ]
    Task.objects.insert(ticket, specs, by=operator)
    assert Counted.compared < 20 * size


def test_tasks_of_many_kinds_find_their_lanes_together(ticket, operator):
    specs = [TaskSpec("Do it", capabilities=[f"skill-{n}", "x"]) for n in range(300)]
    with CaptureQueriesContext(connection) as statements:
        added = Task.objects.add(ticket, specs, by=operator)
    assert len({task.lane_id for task in added}) == 300
    assert all(task.lane.capabilities == task.capabilities for task in Task.objects.select_related("lane"))
    assert len(statements) <= 20
    assert [task.lane_id for task in Task.objects.add(ticket, specs, by=operator)] == [
        task.lane_id for task in added
    ]
