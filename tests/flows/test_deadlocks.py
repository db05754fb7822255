"""After a deadlock an act is repeated and no error is shown, for API, page, admin and command alike."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from agents.models import Agent
from omoi_site.database import embedded, sql
from tests.support.api_client import api_of
from tests.support.cluster import HOME
from tests.support.concurrency import Act
from tickets.models import Task, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def patience(django_db_setup) -> None:
    """Let our own connection wait longer before a deadlock is detected, which only a superuser may set."""
    with embedded.Server(HOME).connect("postgres", superuser=True) as link:
        link.execute("GRANT SET ON PARAMETER deadlock_timeout TO omoi")


@pytest.fixture
def page(operator) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def in_admin(word, row) -> dict[str, object]:
    return {"action": word, "_selected_action": [row.pk], "reason": "not wanted"}


def by_page(page, ticket, operator):
    return page.post(f"/tickets/{ticket.key}/cancel/", {"reason": "not wanted"})


def by_page_otherwise(page, ticket, operator):
    return page.post(f"/tickets/{ticket.key}/priority/", {"priority": "high"})


def by_admin(page, ticket, operator):
    return page.post("/admin/tickets/ticket/", in_admin("cancel_tickets", ticket))


def by_admin_form(page, ticket, operator):
    form = {
        "title": "other",
        "priority": 1,
        "description": "",
        "labels": "",
        "history-TOTAL_FORMS": 0,
        "history-INITIAL_FORMS": 0,
    }
    return page.post(f"/admin/tickets/ticket/{ticket.pk}/change/", form)


def by_rest(page, ticket, operator):
    return api_of(operator).post(
        f"/tickets/{ticket.key}/transitions", {"to": "CANCELLED", "reason": "not wanted"}
    )


def crossed_by(act, first, then):
    """Whoever acts takes row `then` and waits for `first`, which we have; then we want `then`, and they find
    the deadlock first: PostgreSQL ends them."""
    acting = Act(act)
    with transaction.atomic():
        sql.rows("SET LOCAL deadlock_timeout = '1min'")
        sql.rows(f"SELECT FROM {first._meta.db_table} WHERE id = %s FOR UPDATE", [first.pk])
        acting.start()
        assert acting.waits()
        sql.rows(f"SELECT FROM {then._meta.db_table} WHERE id = %s FOR UPDATE", [then.pk])
    return acting.answer()


@pytest.mark.full
@pytest.mark.parametrize("door", [by_page, by_page_otherwise, by_admin, by_admin_form, by_rest])
def test_an_act_on_a_ticket_is_tried_again(door, page, task, ticket, operator):
    before = (ticket.phase, ticket.priority)

    answer = crossed_by(lambda: door(page, ticket, operator), task, ticket)

    assert answer.status_code in (200, 302)
    now = Ticket.objects.get(pk=ticket.pk)
    assert (now.phase, now.priority) != before
    assert now.version == ticket.version + 1


@pytest.mark.full
def test_an_agent_retired_in_the_admin_is_retired_in_the_end(page, task, ada):
    Task.objects.claim(by=ada)

    answer = crossed_by(lambda: page.post("/admin/agents/agent/", in_admin("retire_agents", ada)), task, ada)

    assert answer.status_code == 302
    assert Agent.objects.get(pk=ada.pk).state == "retired"
    assert Task.objects.get(pk=task.pk).state == "pending"
