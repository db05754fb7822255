"""A task that met the limit of an account too often is held until a person retries it, through any door."""

from __future__ import annotations

import pytest

from tests.support.api_client import api_of
from tests.tickets.attention.conftest import listed
from tickets.models import Task, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def limited(task):
    """It met the limit five times in a row."""
    Task.objects.filter(pk=task.pk).update(rate_limits=5, held=True, claimed_at="2026-01-01T00:00Z")
    return task


def test_the_page_of_the_ticket_retries_it(client, operator, ada, limited):
    client.force_login(operator)
    address = f"/tickets/{limited.ticket_key}/tasks/{limited.pk}/retry/"
    assert address in client.get(f"/tickets/{limited.ticket_key}/").content.decode()

    assert "It goes back to the queue" in client.get(address).content.decode()
    answer = client.post(address, {"reason": "the account was topped up"})

    assert answer.status_code == 302
    assert Task.objects.get(pk=limited.pk).is_ready
    assert address not in client.get(f"/tickets/{limited.ticket_key}/").content.decode()


def test_it_is_free_again_when_it_was_cancelled_meanwhile(operator, limited):
    Task.objects.act(limited.pk, "cancel", by=operator, reason="not now")

    Task.objects.act(limited.pk, "retry", by=operator, reason="after all")

    assert Task.objects.get(pk=limited.pk).is_ready


def test_it_is_listed_only_where_a_retry_lets_it_be_done(operator, limited):
    assert listed(operator) == [("quota", limited.key)]

    Ticket.objects.move(limited.ticket_id, "DONE", by=operator, reason="done by hand", force=True)

    assert [kind for kind, _ in listed(operator)] == []
    causes = api_of(operator).get(f"/tasks/{limited.pk}/explain").json()["causes"]
    assert "quota" not in [cause["code"] for cause in causes]
