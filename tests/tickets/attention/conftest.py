from __future__ import annotations

import pytest

from agents.models import Member
from tests.factories import allow_workflow
from tests.support.api_client import api_of
from tickets.models import Ticket, TicketSpec, Workflow
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query

GATE = [{"check": "artifact", "type": "notes"}]


@pytest.fixture
def person(project, operator, django_user_model):
    """A member of the project with this role."""

    def member(role, name=""):
        user = django_user_model.objects.create_user(name or f"{role}-1")
        Member.objects.set(project, user, role, by=operator)
        return user

    return member


@pytest.fixture
def gated(project, operator):
    """A ticket in MAKE, whose gate wants notes."""
    return open_in(
        project, operator, [{"name": "MAKE", "to": ["OUT"], "gate": GATE}, {"name": "OUT", "to": []}]
    )


def open_in(project, operator, phases):
    workflow = allow_workflow(project, Workflow.objects.install({"name": "own", "phases": phases}))
    return Ticket.objects.open(project, TicketSpec("Make it", workflow=workflow), by=operator)


def listed(by, **query):
    items, more = attention_list.page(Query(**query), by=by, limit=50)
    assert not more
    return [(item.kind.name, item.subject) for item in items]


def only(by):
    """The only item, as REST gives it."""
    [item] = api_of(by).get("/attention").json()["results"]
    return item


def do(act, *, by):
    """Do what helps."""
    path = act["path"].removeprefix("/api/v1")
    return api_of(by).post(path, act["body"]) if act["method"] == "POST" else api_of(by).get(path)
