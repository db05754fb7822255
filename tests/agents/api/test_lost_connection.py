"""A request whose connection to the database ends is told to try again."""

from __future__ import annotations

import io

import pytest
from django.db import transaction

from agents.models import Key
from omoi_site.database import sql
from omoi_site.serving.error_answers import Away
from omoi_site.serving.wsgi_call import Request
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
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [writing.backend])
        answer = writing.answer()

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "database_away", "1")


def test_so_does_one_on_a_fast_route():
    class Ended:
        @transaction.atomic
        def answer(self, body: bytes) -> None:
            sql.rows("SELECT 1")
            sql.rows("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Away):
        Request(None, {}, io.BytesIO(b""), Ended()).answer()
