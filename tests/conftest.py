"""The fixtures that every test can use.

`ada` and `bob` are agents of project OMO, `ticket` stands in DOING of `simple`, `task` is ready. A test
states only what differs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from agents.models import AgentSpec, ProjectSpec
from omoi_site.database import location, sql
from tests.support import cluster

# here it goes before pytest-django's own
from tests.support.cluster import django_db_modify_db_settings  # noqa: F401
from tests.support.web_process import web  # noqa: F401
from tickets.models import TicketSpec

# How long an example takes depends on what else the machine does.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

# The application may not empty a table; for the tests a superuser does, in a schema that is not ours. New
# files for every table take longer than most tests: few rows are deleted, without triggers, until dead ones
# fill some pages. The triggers that fire for a superuser too refuse by one function, and here it lets him
# pass: a trigger that is switched off would cost each connection its plans. The shipped workflows stay where
# no test has changed them.
EMPTY = """
CREATE SCHEMA testing AUTHORIZATION omoi_owner;
GRANT USAGE ON SCHEMA testing TO omoi;
CREATE FUNCTION testing.workflows() RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  SELECT string_agg(concat(xmin, ctid), ' ' ORDER BY version, id)
  FROM (
    SELECT 1 AS version, id, xmin, ctid FROM tickets_workflow
    UNION ALL
    SELECT 2, id, xmin, ctid FROM tickets_workflowphase
  ) found;
$$;
DO $$
DECLARE
  refuses text := pg_get_functiondef('omoi_never'::regproc);
  begins text := E'\nBEGIN\n';
BEGIN
  ASSERT position(begins IN refuses) > 0;
  EXECUTE replace(refuses, begins, begins || '
    IF current_setting(''testing.empties'', true) = ''yes'' THEN
      RETURN OLD;
    END IF;');
END $$;
CREATE FUNCTION testing.empty(shipped text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET session_replication_role = replica
SET testing.empties = yes
AS $$
DECLARE
  emptied regclass;
  unchanged bool := testing.workflows() = shipped;
BEGIN
  IF EXISTS (SELECT FROM unnest('{{{tables}}}'::regclass[]) t WHERE pg_relation_size(t) > 65536) THEN
    TRUNCATE {tables};
  ELSE
    FOREACH emptied IN ARRAY '{{{tables}}}'::regclass[] LOOP
      CONTINUE WHEN unchanged AND emptied IN ('tickets_workflow'::regclass, 'tickets_workflowphase');
      CONTINUE WHEN pg_relation_size(emptied) = 0;
      EXECUTE format('DELETE FROM %s', emptied);
    END LOOP;
  END IF;
END $$;
GRANT EXECUTE ON FUNCTION testing.empty(text), testing.workflows() TO omoi;
"""
LEFT = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity
WHERE datname = %s
  AND backend_type = 'client backend'
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Rows that migrations insert exist in every test, whichever ran before it in this process.

    Django's flush after a committing test empties every table and creates the permissions again, which takes
    longer than most tests. Ours keeps permissions and restores the shipped workflows. History and journal
    refuse TRUNCATE; only this trigger is disabled, and only here.
    """
    from django.db import connection
    from django.test import TransactionTestCase

    from tickets.models import Workflow

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE agents_event DISABLE TRIGGER journal_is_never_emptied")
            cursor.execute("ALTER TABLE tickets_phasemove DISABLE TRIGGER history_is_never_emptied")
            cursor.execute(
                "ALTER TABLE tickets_workflowphase DISABLE TRIGGER workflow_phases_are_never_emptied"
            )
        tables = {*connection.introspection.django_table_names(only_existing=True, include_views=False)}
        tables -= {"django_content_type", "auth_permission"}
        emptied = ", ".join([*sorted(tables), "dramatiq.queue"])
        with cluster.superuser(connection.settings_dict["NAME"]) as link:
            link.execute(EMPTY.format(tables=emptied).encode())
        cluster.become(location.APPLICATION)
        shipped = list(Workflow.objects.all())

    rows = ""

    def stored() -> str:
        return str(sql.one("SELECT testing.workflows() AS rows")["rows"])

    def empty(case: TransactionTestCase) -> None:
        """A connection that is as it was when made stays: a new one has to read and plan it all again."""
        nonlocal rows
        if not cluster.as_new(connection):
            connection.close()
        sql.rows("SELECT testing.empty(%s)", [rows])
        if rows != (rows := stored()):
            Workflow.objects.bulk_create(shipped)
            rows = stored()

    begin = TransactionTestCase._fixture_setup.__func__  # a class method

    def set_up(case: type[TransactionTestCase]) -> None:
        if connection.connection and not connection.is_usable():  # ended by a fixture that was left after it
            connection.close()
        begin(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_setup", classmethod(set_up))
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda case: False)
        yield
        cluster.become(location.OWNER)
        with cluster.superuser() as link:  # what the tests of a browser keep belongs to its event loop
            link.execute(LEFT, [connection.settings_dict["NAME"]])


@pytest.fixture(scope="session", autouse=True)
def static_files_are_found_once() -> Iterator[None]:
    """Each client of a test makes its middleware anew, and most of that would be the search for 200 files."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, StaticFile] = {}

    def add(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(autouse=True)
def no_sender_is_left() -> Iterator[None]:
    """A thread that still sends hints would write to the log of a run that is over."""
    yield
    assert "hints" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def operator(django_user_model):
    return django_user_model.objects.create_superuser("admin", password=None)


@pytest.fixture
def project(operator):
    from agents.models import Project

    return Project.objects.create_project(
        ProjectSpec("OMO", workflow="simple", profiles=["echo", "pause"]), by=operator
    )


def agent_with_a_key(name, project, operator):
    from agents.models import Agent

    agent = Agent.objects.register(AgentSpec(name, capacity=5), projects=[project], by=operator)
    agent.key_scopes = frozenset({"work", "tickets:write"})  # as if it came with such a key
    return agent


@pytest.fixture
def ada(project, operator):
    return agent_with_a_key("ada", project, operator)


@pytest.fixture
def bob(project, operator):
    return agent_with_a_key("bob", project, operator)


@pytest.fixture
def ticket(project, operator):
    """A ticket in DOING, without a task."""
    from tickets.models import Ticket

    opened = Ticket.objects.open(project, TicketSpec("Capture payments"), by=operator)
    with Ticket.objects.locked(pk=opened.pk) as locked:
        locked.advance(by=operator)
    return Ticket.objects.get(pk=opened.pk)


@pytest.fixture
def task(ticket, operator):
    """A ready task of `ticket`."""
    from tickets.models import Task, TaskSpec

    [added] = Task.objects.add(ticket, [TaskSpec("Write the endpoint")], by=operator)
    return added
