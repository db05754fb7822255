"""What stands in the database when a test begins, and how it is empty again when the test is over.

Most tests ask for some of the cast: an operator, a project, two agents, a ticket, a task. To make them by the
verbs takes longer than most tests. So each selection of them is made once by each process, by the verbs, and
kept as a function of the database that inserts the same rows; what follows finds its cast there, with the
times of now. A test that asks for none of it finds an empty database.

    set-up     the rows are inserted and committed; then the test's transaction begins, if it is in one
    fixtures   `operator`, `ada` ... give the objects of these rows, or make by the verbs what is not there
    teardown   the transaction is rolled back; then whatever was committed is deleted

All this is done by a session of its own: it is a superuser's for whom no trigger fires, and what Django's
session has planned stays planned. Ids are never used twice but for the cast, whose rows have the same ids
each time: so what a process remembers by the id of an agent is forgotten.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.test import TestCase, TransactionTestCase

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from agents.models.activity import activity
from agents.models.key_cache import keys
from tests.support import cluster
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.claim import last_guards

# Processes that live longer than a test would remember the ids of the cast.
PROCESSES = {"web", "server", "browser", "window"}
STAYS = {"django_content_type", "auth_permission"}
SHIPPED = ("tickets_workflow", "tickets_workflowphase")  # by migrations; put back where a test changed them
NAME = "omoi tests"  # of the session, among those that tests look at

# New files for every table take longer than most tests: few rows are deleted, until dead ones fill some
# pages. The triggers that fire for everybody let this session pass: to switch them off for a while would cost
# all others their plans.
EMPTY = r"""
CREATE SCHEMA testing AUTHORIZATION omoi_owner;
GRANT USAGE ON SCHEMA testing TO omoi;
CREATE FUNCTION testing.workflows() RETURNS text
LANGUAGE sql
AS $$
  SELECT string_agg(concat(xmin, ctid), ' ' ORDER BY version, id)
  FROM (
    SELECT 1 AS version, id, xmin, ctid FROM tickets_workflow
    UNION ALL
    SELECT 2, id, xmin, ctid FROM tickets_workflowphase
  ) found;
$$;
CREATE TABLE testing.shipped_workflows AS SELECT testing.workflows() AS rows;
DO $$
DECLARE
  guard text;
BEGIN
  FOR guard IN SELECT DISTINCT pg_get_functiondef(tgfoid) FROM pg_trigger WHERE tgenabled = 'A' LOOP
    ASSERT guard ~ '\nBEGIN\n', guard;
    EXECUTE regexp_replace(guard, '\nBEGIN\n', '
BEGIN
  IF current_setting(''testing.fills'', true) = ''yes'' THEN
    RETURN CASE TG_OP WHEN ''DELETE'' THEN OLD ELSE NEW END;
  END IF;
');
  END LOOP;
END $$;
CREATE FUNCTION testing.empty() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest('{{{tables}}}'::regclass[]) t WHERE pg_relation_size(t) > 65536) THEN
    TRUNCATE {tables};
  ELSE
    {deletes}
  END IF;
  IF testing.workflows() IS DISTINCT FROM (SELECT rows FROM testing.shipped_workflows) THEN
    DELETE FROM tickets_workflowphase;
    DELETE FROM tickets_workflow;
    PERFORM testing.insert_shipped_workflows();
    UPDATE testing.shipped_workflows SET rows = testing.workflows();
  END IF;
END $$;
"""
DELETE = "IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;"
COLUMNS = """
SELECT quote_ident(attname), format_type(atttypid, NULL)
FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
INSERTS = """
CREATE FUNCTION testing.{name}() RETURNS timestamptz
LANGUAGE plpgsql
AS $world$
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  {inserts}
  RETURN moment;
END $world$
"""


def operator() -> Any:
    return get_user_model().objects.create_superuser("admin", password=None)


def project(operator: Any) -> Project:
    return Project.objects.create_project(
        ProjectSpec("OMO", workflow="simple", profiles=["echo", "pause"]), by=operator
    )


def agent_with_a_key(name: str, project: Project, operator: Any) -> Agent:
    agent = Agent.objects.register(AgentSpec(name, capacity=5), projects=[project], by=operator)
    agent.key_scopes = frozenset({"work", "tickets:write"})  # as if it came with such a key
    return agent


def ada(project: Project, operator: Any) -> Agent:
    return agent_with_a_key("ada", project, operator)


def bob(project: Project, operator: Any) -> Agent:
    return agent_with_a_key("bob", project, operator)


def ticket(project: Project, operator: Any) -> Ticket:
    opened = Ticket.objects.open(project, TicketSpec("Capture payments"), by=operator)
    with Ticket.objects.locked(pk=opened.pk) as locked:
        locked.advance(by=operator)
    return Ticket.objects.get(pk=opened.pk)


def task(ticket: Ticket, operator: Any) -> Task:
    [added] = Task.objects.add(ticket, [TaskSpec("Write the endpoint")], by=operator)
    return added


CAST: dict[str, Callable[..., Any]] = {
    made.__name__: made for made in (operator, project, ada, bob, ticket, task)
}
NEEDS = {name: tuple(inspect.signature(make).parameters) for name, make in CAST.items()}


_wanted: list[tuple[str, ...]] = [()]  # by the test that runs
_world: list[World] = []


def expect(item: pytest.Item) -> None:
    """This test is the next. It wants what it asks for by our fixtures, and by none of its own in their
    place.
    """
    names = set(getattr(item, "fixturenames", ()))
    found: list[str] = []
    for name in () if names & PROCESSES else CAST:
        if name in names and {*NEEDS[name]} <= {*found}:
            *_, chosen = item._fixtureinfo.name2fixturedefs[name]  # type: ignore[attr-defined]
            if chosen.baseid == "tests":
                found.append(name)
    _wanted[0] = tuple(found)


def member(name: str, **needs: Any) -> Any:
    """One of the cast: as it stands in the database, or made now."""
    ready = _world[0].ready if _world else {}
    return ready.pop(name) if name in ready else CAST[name](**needs)


def begin(wanted: tuple[str, ...]) -> None:
    """Let these of the cast stand in the database, which is empty."""
    _world[0].begin(wanted)


def empty() -> None:
    """Take everything that was committed out of the database."""
    _world[0].empty()


@contextmanager
def prepared(tables: Iterable[str]) -> Iterator[None]:
    """Each test finds what it wants and nothing else, in both of Django's kinds of tests."""
    world = World(tables)
    _world[:] = [world]
    begin = TransactionTestCase._fixture_setup.__func__  # type: ignore[attr-defined]  # class methods
    begin_inside = TestCase._fixture_setup.__func__  # type: ignore[attr-defined]
    roll_back = TestCase._fixture_teardown

    def set_up(case: type[TransactionTestCase]) -> None:
        if connection.connection and not connection.is_usable():  # ended by a fixture that was left after it
            connection.close()
        world.begin(_wanted[0])
        begin(case)

    def set_up_inside(case: type[TestCase]) -> None:
        world.begin(_wanted[0])
        begin_inside(case)

    def tear_down(case: TransactionTestCase) -> None:
        """A connection that is as it was when made stays: a new one has to read and plan it all again."""
        if not cluster.as_new(connection):
            connection.close()
        world.empty()

    def tear_down_inside(case: TestCase) -> None:
        roll_back(case)
        if _wanted[0]:
            world.empty()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_setup", classmethod(set_up))
        patch.setattr(TransactionTestCase, "_fixture_teardown", tear_down)
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda case: False)
        patch.setattr(TestCase, "_fixture_setup", classmethod(set_up_inside))
        patch.setattr(TestCase, "_fixture_teardown", tear_down_inside)
        try:
            yield
        finally:
            _world.clear()
            world.close()


class Kept(NamedTuple):
    """A selection of the cast: its objects as they were at that moment, and the function of its rows."""

    objects: dict[str, Any]
    at: datetime
    function: str


class World:
    """Of the database of this process."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.tables = sorted({*tables} - STAYS - {*SHIPPED})
        self.kept: dict[tuple[str, ...], Kept] = {}
        self.ready: dict[str, Any] = {}  # of the cast, objects that stand in the database
        self.link: psycopg.Connection[Any] | None = None
        deletes = "\n    ".join(DELETE.format(table=table) for table in self.tables)
        self.run(EMPTY.format(tables=", ".join(self.tables), deletes=deletes))
        self.keep_rows("insert_shipped_workflows", SHIPPED)
        self.empty()

    def run(self, text: str, params: Any = None) -> list[Any]:
        """The rows of a statement. A test may have ended the session."""
        if self.link is not None and not self.link.closed:
            try:
                return self._run(self.link, text, params)
            except psycopg.OperationalError:
                if not self.link.closed:
                    raise
        self.link = cluster.superuser(connection.settings_dict["NAME"])
        self.link.execute(
            f"SET application_name = '{NAME}'; SET session_replication_role = replica;"
            " SET testing.fills = yes"
        )
        return self._run(self.link, text, params)

    @staticmethod
    def _run(link: psycopg.Connection[Any], text: str, params: Any) -> list[Any]:
        cursor = link.execute(text.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self.link is not None:
            self.link.close()

    # -- a test

    def begin(self, wanted: tuple[str, ...]) -> None:
        """These of the cast stand in the database, and are ready for the fixtures."""
        self.ready = {}
        if not wanted:
            return
        kept = self.kept.get(wanted) or self.keep(wanted)
        [[now]] = self.run(f"SELECT testing.{kept.function}()")
        activity.noted.clear()
        last_guards._projects.clear()
        keys.forget()
        self.ready = copy.deepcopy(kept.objects)
        put_off(self.ready.values(), now - kept.at)

    def empty(self) -> None:
        self.ready = {}
        self.run("SELECT testing.empty()")

    # -- what is kept

    def keep(self, wanted: tuple[str, ...]) -> Kept:
        """Make these by the verbs, and keep them."""
        objects: dict[str, Any] = {}
        with transaction.atomic():
            for name in wanted:
                objects[name] = CAST[name](**{need: objects[need] for need in NEEDS[name]})
            connection.hints.clear()  # type: ignore[attr-defined]  # our back end
        function = f"insert_world_{len(self.kept)}"
        at = self.keep_rows(function, self.tables)
        self.empty()
        self.kept[wanted] = Kept(objects, at, function)
        return self.kept[wanted]

    def keep_rows(self, name: str, tables: Iterable[str]) -> datetime:
        """Make a function that inserts what is in these tables now, as if it had been now."""
        [[at]] = self.run("SELECT clock_timestamp()")
        inserts = filter(None, (self._insert(table, at) for table in tables))
        self.run(INSERTS.format(name=name, inserts="\n  ".join(inserts)))
        return at

    def _insert(self, table: str, at: datetime) -> str:
        columns = self.run(COLUMNS, [table])
        values = ", ".join(_literal(column, kind) for column, kind in columns)
        [[rows]] = self.run(
            f"SELECT string_agg('(' || concat_ws(', ', {values}) || ')', ', ' ORDER BY t.ctid)"
            f" FROM (SELECT ctid, * FROM {table}) t CROSS JOIN (SELECT '{at}'::timestamptz AS moment) now"
        )
        names = ", ".join(column for column, _ in columns)
        return rows and f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES {rows};"


def _literal(column: str, kind: str) -> str:
    """SQL: the text of an expression that gives the value of this column, or what it would be now."""
    match kind:
        case "timestamp with time zone":
            return f"coalesce('moment - interval ' || quote_literal(now.moment - t.{column}), 'NULL')"
        case "xid8":
            return "'pg_current_xact_id()'"
    return f"quote_nullable(t.{column}::text)"


def put_off(rows: Iterable[models.Model], by: timedelta) -> None:
    """Move all times of these rows, and of rows that they know."""
    waiting, moved = [*rows], set[int]()
    while waiting:
        row = waiting.pop()
        if id(row) in moved:
            continue
        moved.add(id(row))
        waiting += [known for known in row._state.fields_cache.values() if isinstance(known, models.Model)]
        for name, value in vars(row).items():
            if isinstance(value, datetime):
                setattr(row, name, value + by)
