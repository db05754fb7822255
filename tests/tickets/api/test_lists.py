"""Lists of tickets: PostgreSQL makes the page, reads only what it shows, and shows only what is seen."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, Member, Project, ProjectSpec
from agents.models.json_page import reader_params
from bench.claim import measure
from tests.support.api_client import api_of
from tests.support.many_tickets import many_tickets
from tickets.api.tickets import TicketOut
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.ticket import documents
from tickets.models.ticket.documents import TicketQuery

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [
    1_000,
    pytest.param(4_000, marks=pytest.mark.full),
    pytest.param(20_000, marks=pytest.mark.campaign),
]


def others(operator, *keys):
    return [Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator) for key in keys]


def keys_of(page):
    return [ticket["key"] for ticket in json.loads(page.results)]


def pages(query, *, by, limit=4):
    """The keys of all pages in turn."""
    found, before = [], None
    while page := Ticket.objects.page_json(query, by=by, limit=limit, before=before):
        keys = keys_of(page)
        assert len(keys) <= limit
        found += keys
        before = page.following
        if before is None:
            return found
    return None


@pytest.fixture
def crowd(operator, project):
    """Tickets of three projects in all states, and readers of every kind."""
    dice = random.Random(5)
    projects = [project, *others(operator, "PAY", "WEB")]
    for _ in range(40):
        ticket = Ticket.objects.open(
            dice.choice(projects),
            TicketSpec(
                dice.choice(["Capture 100%", "capture_it", "Refund", "back\\slash"]),
                priority=dice.randrange(4),
                labels=dice.sample(["api", "ui", "a b"], dice.randrange(3)),
            ),
            by=operator,
        )
        if dice.random() < 0.4:
            Ticket.objects.move(ticket.pk, "DOING", by=operator)
        if dice.random() < 0.2:
            Ticket.objects.act(ticket.pk, "archive", by=operator)
    readers = {"operator": operator}
    for name, theirs in {"one": [0], "two": [0, 2], "none": [1]}.items():
        agent = Agent.objects.register(
            AgentSpec(name), projects=[projects[place] for place in theirs], by=operator
        )
        readers[name] = agent
    readers["none"].projects.clear()
    readers["worker"] = Agent.objects.worker("w", capacity=1)
    viewer = type(operator).objects.create_user("eve")
    Member.objects.set(projects[1], viewer, "viewer", by=operator)
    readers["viewer"] = viewer
    readers["outsider"] = type(operator).objects.create_user("mallory")
    return readers


def expected(query, by):
    """The same list by the ORM, which asks the database row by row."""
    tickets = Ticket.objects.seen_by(by).filter(archived_at__isnull=not query.archived)
    for name, field in (("project", "project__key"), ("phase", "phase"), ("priority", "priority")):
        if (value := getattr(query, name)) not in ("", None):
            tickets = tickets.filter(**{field: value})
    if query.label:
        tickets = tickets.filter(labels__contains=[query.label])
    if query.text:
        tickets = tickets.filter(
            Q(title__icontains=query.text) | Q(key=query.text.upper()) | Q(source_id=query.text)
        )
    return list(tickets.order_by("-pk").values_list("key", flat=True))


@pytest.mark.full
@pytest.mark.parametrize("examined", [7, 5_000])
def test_a_list_shows_what_the_reader_sees_and_the_filters_leave(crowd, monkeypatch, examined):
    """However few tickets a page examines: all pages together are the whole list, each ticket once."""
    monkeypatch.setattr(documents, "EXAMINED", examined)
    filters = {
        "project": ["", "OMO", "PAY"],
        "phase": ["", "DOING"],
        "priority": [None, 0],
        "label": ["", "a b"],
        "text": ["", "CAPTURE", "100%", "_", "\\", "omo-3"],
        "archived": [False, True],
    }
    queries = [
        TicketQuery(**dict(zip(filters, values, strict=True)))
        for values in itertools.product(*filters.values())
    ]
    some = random.Random(7).sample(queries, 12)
    for query, (name, reader) in itertools.product([TicketQuery(), *some], crowd.items()):
        found, wanted = pages(query, by=reader), expected(query, reader)
        if found is None:
            seen = Project.objects.seen_by(reader).filter(key=query.project)
            assert query.project, name
            assert not seen, (name, query)
        else:
            assert found == wanted, (name, query)


@pytest.mark.full
def test_a_project_that_the_reader_does_not_see_is_not_found(crowd):
    assert Ticket.objects.page_json(TicketQuery(project="WEB"), by=crowd["one"], limit=5) is None
    assert Ticket.objects.page_json(TicketQuery(project="NONE"), by=crowd["worker"], limit=5) is None
    assert api_of(crowd["one"]).get("/tickets", project="WEB").status_code == 404


def test_a_ticket_in_a_list_is_the_ticket_by_itself(ticket, task, operator, ada):
    """Each field as clients knew it: order, nulls, times with a Z, control letters."""
    other = Ticket.objects.open(
        ticket.project,
        TicketSpec('A "b" \\ \u2028\x01 é <i>', labels=["x y", "{},"], parent=ticket, follow_up=ticket),
        by=operator,
    )
    Ticket.objects.move(ticket.pk, "BLOCKED", by=operator, reason="no key", cause="environment")
    Ticket.objects.filter(pk=other.pk).update(updated_at="2026-01-02T03:04:05Z")
    api = api_of(ada)

    [second, first] = api.get("/tickets").json()["results"]

    assert [first, second] == [api.get(f"/tickets/{row.key}").json() for row in (ticket, other)]
    assert list(first) == list(second) == list(TicketOut().fields)
    assert first["blocked"] == {"class": "environment", "reason": "no key"}
    assert first["tasks"] == {"pending": 1, "claimed": 0, "completed": 0, "failed": 0, "cancelled": 0}
    row = Ticket.objects.get(pk=other.pk)
    assert second == {
        "key": other.key,
        "project": "OMO",
        "title": row.title,
        "description": "",
        "priority": "medium",
        "labels": ["x y", "{},"],
        "acceptance": [],
        "workflow": {"name": "simple", "version": 1},
        "phase": "TODO",
        "previous_phase": "",
        "phase_since": row.phase_since.isoformat().replace("+00:00", "Z"),
        "paused": False,
        "pause_reason": "",
        "blocked": None,
        "parent": ticket.key,
        "follow_up": ticket.key,
        "schedule": None,
        "tasks": dict.fromkeys(Task.State.values, 0),
        "source": "",
        "source_id": "",
        "external_ref": "",
        "waiting_on": None,
        "waiting_on_at": None,
        "version": row.version,
        "archived_at": None,
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": "2026-01-02T03:04:05Z",
    }


def test_a_list_is_one_statement_however_long_the_page(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("t")], by=operator)
    many_tickets(ticket.project, 60, tasks=2)
    api = api_of(ada)
    api.get("/tickets")  # presence and the use of the key are noted
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as seen:
            assert len(api.get("/tickets", project="OMO", limit=limit).json()["results"]) == limit
        assert len([query for query in seen if "tickets_ticket" in query["sql"]]) == 1
        assert len(seen) == 2, [query["sql"] for query in seen]  # and the key


@pytest.mark.parametrize("size", SIZES)
def test_a_page_in_the_middle_of_many_tickets_touches_few_pages(ticket, ada, operator, size):
    """Neither the project's other tickets are read nor those of others, which are older and newer."""
    before, after = others(operator, "PAY", "WEB")
    for project in (before, after):
        Ticket.objects.open(project, TicketSpec("first"), by=operator)
    many_tickets(before, size)
    many_tickets(ticket.project, 200, tasks=10)
    cost = {limit: cost_of(TicketQuery(project="OMO"), by=ada, limit=limit) for limit in (50, 200)}
    assert cost[50] <= 700, cost
    assert cost[200] <= 4.5 * cost[50], cost

    many_tickets(ticket.project, size)
    many_tickets(after, size)

    assert cost_of(TicketQuery(project="OMO"), by=ada, limit=1) <= 30


@pytest.mark.parametrize("size", SIZES)
def test_a_list_reads_as_little_among_many_tickets(ticket, ada, operator, size):
    """The newest tickets are not seen; of those that are, more than a page is in a phase, or none, and none
    is archived.
    """
    many_tickets(ticket.project, 2 * size)
    costs = {
        str(query): cost_of(query, by=ada, limit=1)
        for query in (
            TicketQuery(project="OMO", phase="TODO"),
            TicketQuery(project="OMO", phase="DOING"),
            TicketQuery(phase="DOING"),
            TicketQuery(project="OMO", archived=True),
        )
    }
    [unseen] = others(operator, "PAY")
    Ticket.objects.open(unseen, TicketSpec("first"), by=operator)
    many_tickets(unseen, 2 * size)
    costs["all"] = cost_of(TicketQuery(), by=ada, limit=1)
    assert max(costs.values()) <= 30, costs


def test_a_rare_label_is_looked_for_in_so_many_tickets_only(ticket, ada, operator, monkeypatch):
    monkeypatch.setattr(documents, "EXAMINED", 200)
    Ticket.objects.filter(pk=ticket.pk).update(labels=["rare"])
    many_tickets(ticket.project, 1_000)
    query = TicketQuery(project="OMO", label="rare")

    page = Ticket.objects.page_json(query, by=ada, limit=50)

    assert (page.results, Ticket.objects.filter(pk__gte=page.following).count()) == ("[]", 200)
    assert pages(query, by=ada) == [ticket.key]


def cost_of(query, *, by, limit):
    """Buffers of the page with its generic plan."""
    params = {**reader_params(by), **documents.page_params(query, limit=limit)}
    return sum(measure(documents.page_statement(query), params).values())
