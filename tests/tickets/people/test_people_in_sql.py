"""What the database itself holds about people at work, whoever writes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from agents.models import Agent
from tickets.models import Task

pytestmark = pytest.mark.django_db


def test_no_agent_holds_a_task_without_a_lease(task, ada):
    Task.objects.claim(by=ada)
    rows = Task.objects.filter(pk=task.pk)
    with pytest.raises(IntegrityError, match="only a person"), transaction.atomic():
        rows.update(lease_expires_at=None)


def test_what_a_person_holds_passes_to_no_agent_without_a_lease(task, eve, ada):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    with pytest.raises(IntegrityError, match="only a person"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(holder=ada)


def test_nobody_holds_a_claimed_task_is_not_possible(task, eve):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(holder=None)


def test_the_time_to_look_is_never_set_for_a_person(task, eve):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    Task.objects.filter(pk=task.pk).update(lease_look_at="2030-01-01T00:00Z")
    assert Task.objects.get(pk=task.pk).lease_look_at is None


def test_no_other_kind_exists(ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        Agent.objects.filter(pk=ada.pk).update(kind="ghost")


def test_no_time_ends_what_a_person_holds(task, eve):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    with pytest.raises(IntegrityError, match="task_state"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(timeout_at="2030-01-01T00:00Z")


@pytest.mark.parametrize("name", ["user:eve", "ada"])
def test_a_person_and_an_agent_do_not_become_each_other(task, eve, ada, name):
    Task.objects.assign(task.pk, by=eve, reason="mine")
    row = Agent.objects.filter(name=name)
    with pytest.raises(IntegrityError, match="agent_name_of_its_kind"), transaction.atomic():
        row.update(kind="worker" if name == "user:eve" else "person")


def test_no_agent_has_the_name_of_a_person(ada):
    with pytest.raises(IntegrityError, match="agent_name_of_its_kind"), transaction.atomic():
        Agent.objects.filter(pk=ada.pk).update(name="user:eve")
