"""The attention list has what waits on nobody, once."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.support.api_client import api_of
from tests.support.waits import store_waits
from tickets.models import Task, TaskSpec, TaskWait, Ticket

pytestmark = pytest.mark.django_db


def items(operator):
    found = api_of(operator).get("/attention", kind="nobody").json()["results"]
    return [(each["subject"], each["act"]["path"]) for each in found]


def forsake(task):
    """No rule covers a held task of a phase that its workflow does not have."""
    sql.rows("UPDATE tickets_task SET phase = 'NOWHERE', held = true WHERE id = %s", [task.pk])


def test_an_open_task_that_waits_on_nobody_is_listed_once(ticket, task, ada, operator):
    store_waits()
    assert items(operator) == []
    forsake(task)
    store_waits()

    assert Task.objects.waits([task.pk]) == {task.pk: None}
    assert TaskWait.objects.get(pk=task.pk).who == ""
    assert items(operator) == [(task.key, f"/api/v1/tasks/{task.pk}/explain")]

    Task.objects.filter(pk=task.pk).cancel(by=operator, reason="not wanted")
    assert items(operator) == []  # before the sweep too


def test_nothing_is_listed_where_somebody_is_waited_for(ticket, task, ada, operator):
    [other] = Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    Task.objects.claim(by=ada)
    store_waits()

    assert items(operator) == []
    assert Ticket.objects.waits([ticket.pk]) == {ticket.pk: "agent:ada"}
    assert Task.objects.waits([other.pk]) == {other.pk: "operator"}


def test_the_work_of_a_lane_that_waits_on_nobody_is_listed_as_its_first_task(ticket, task, ada, operator):
    [second] = Task.objects.add(ticket, [TaskSpec("more")], by=operator)
    store_waits()
    sql.rows("UPDATE tickets_lanewait SET who = '' WHERE lane_id = %s", [task.lane_id])

    assert items(operator) == [(task.key, f"/api/v1/tasks/{task.pk}/explain")]
    sql.rows("UPDATE tickets_ticketwait SET who = '', lane_id = NULL, variant = NULL")
    sql.rows("UPDATE tickets_taskwait SET who = 'operator', lane_id = NULL, variant = NULL")
    assert items(operator) == [(ticket.key, f"/api/v1/tickets/{ticket.key}/explain")]
    assert second.lane_id == task.lane_id
