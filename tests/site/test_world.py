"""What one test writes the next does not find, whichever comes first (`tests/support/world.py`)."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from agents.models import Agent, Project
from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tests.support import world
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow

TURNS = ["one", "other"]  # whichever is second finds what the first has left
WHOLE = dict.fromkeys(("operator", "project", "ada", "bob", "ticket", "task"))
COLUMNS = """
SELECT a.attname AS name, c.relname AS table
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.oid = ANY (%s::regclass[])
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND a.atttypid NOT IN ('timestamptz'::regtype, 'xid8'::regtype)
  AND a.attname <> ALL ('{id,rank,subject,password}')
  AND a.attname !~ '_id$'
ORDER BY c.relname, a.attname
"""


def tables():
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted({*names, "dramatiq.queue"} - world.STAYS)


def counts():
    """How many rows each table has that has any."""
    each = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) AS rows FROM {table}" for table in tables()
    )
    return {row["name"]: row["rows"] for row in sql.rows(each) if row["rows"]}


def content():
    """All rows without their ids and times."""
    names: dict[str, list[str]] = {}
    for column in sql.rows(COLUMNS, [tables()]):
        names.setdefault(column["table"], []).append(f'"{column["name"]}"')
    return {
        table: sorted(map(str, sql.tuples(f"SELECT {', '.join(names.get(table, ['1']))} FROM {table}")))
        for table in tables()
        if table != "dramatiq.queue"
    }


def spoil(project, operator, ada, task):
    """Change each of the cast, the shipped workflows, and rows of many kinds."""
    Ticket.objects.open(project, TicketSpec("More", tasks=[TaskSpec("x")]), by=operator)
    [claim] = Task.objects.claim(by=ada, limit=1)
    complete(claim, by=ada)
    allow_workflow(
        project,
        Workflow.objects.install(
            {"name": "own", "phases": [{"name": "A", "to": ["B"]}, {"name": "B", "to": []}]}
        ),
    )
    Project.objects.update(name="spoiled")
    Agent.objects.update(capacity=1)
    get_user_model().objects.update(email="spoiled@omoi.example")
    Ticket.objects.update(title="spoiled")


def as_made():
    assert set(Ticket.objects.values_list("key", "title")) == {("OMO-1", "Capture payments")}
    assert set(Agent.objects.values_list("name", "capacity")) == {("ada", 5), ("bob", 5)}
    assert list(Project.objects.values_list("key", "name")) == [("OMO", "OMO")]
    assert list(get_user_model().objects.values_list("username", "email")) == [("admin", "")]
    assert list(Task.objects.values_list("title", "state")) == [("Write the endpoint", "pending")]
    assert not Workflow.objects.filter(name="own").exists()
    assert Workflow.objects.filter(name="simple").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("turn", TURNS)
def test_nothing_is_left_by_a_test_that_is_rolled_back(turn, project, operator, ada, bob, task):
    as_made()
    spoil(project, operator, ada, task)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", TURNS)
def test_nothing_is_left_by_a_test_that_commits(turn, project, operator, ada, bob, task):
    as_made()
    spoil(project, operator, ada, task)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", TURNS)
def test_what_asks_for_nobody_finds_nobody(turn):
    assert set(counts()) == set(world.SHIPPED)
    world.operator()


@pytest.mark.django_db
@pytest.mark.parametrize("turn", TURNS)
def test_so_does_what_is_rolled_back(turn):
    assert set(counts()) == set(world.SHIPPED)
    world.operator()


@pytest.mark.django_db(transaction=True)
def test_the_rows_that_are_kept_are_those_of_the_verbs(operator, project, ada, bob, ticket, task):
    kept = content()
    world.empty()
    made = {}
    for name in WHOLE:
        made[name] = world.CAST[name](**{need: made[need] for need in world.NEEDS[name]})
    assert content() == kept


@pytest.mark.django_db
def test_their_objects_are_as_they_stand_in_the_database(operator, project, ada, bob, ticket, task):
    for found in (operator, ada, bob, ticket, task):
        stored = type(found).objects.get(pk=found.pk)
        for field in stored._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(stored, field.attname), field


@pytest.mark.django_db(transaction=True)
def test_they_are_made_now_each_time(operator, project, ada):
    world.empty()
    world.begin(("operator", "project", "ada"))
    again = world.member("ada")

    assert again.created_at > ada.created_at
    assert again.presence.last_seen_at > ada.created_at
