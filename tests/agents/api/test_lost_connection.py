"""A request whose connection to the database ends is told to try again."""

from __future__ import annotations

import pytest

from agents.models import Key
from omoi_site.database import sql
from tests.support.api_client import Api
from tests.support.concurrency import Act
from tickets.models import Task, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_write_whose_connection_is_ended_answers_503(task, ada, operator):
    """Django is connected again before the answer is made."""
    [claim] = Task.objects.claim(by=ada)
    _, text = Key.objects.issue(by=operator, agent=ada)
    writing = Act(lambda: Api(text).post(f"/tasks/{task.pk}/release", {"fence": claim.fence}))

    with Ticket.objects.lock(pk=task.ticket_id):
        sql.rows("SELECT FROM tickets_task WHERE id = %s FOR UPDATE", [task.pk])
        writing.start()
        assert writing.waits()
        sql.rows("SELECT pg_terminate_backend(%s)", [writing.backend])
        answer = writing.answer()

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "database_away", "1")
