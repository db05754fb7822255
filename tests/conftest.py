"""The fixtures that every test can use.

`ada` and `bob` are agents of project OMO, `ticket` stands in DOING of `simple`, `task` is ready. A test
states only what differs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agents.models import AgentSpec, ProjectSpec
from omoi_site.database import location
from tests.support import cluster

# here it goes before pytest-django's own
from tests.support.cluster import django_db_modify_db_settings  # noqa: F401
from tests.support.web_process import web  # noqa: F401
from tickets.models import TicketSpec

# The application may not empty a table; for the tests the owner does, in a schema that is not ours.
EMPTY = """
CREATE SCHEMA testing;
GRANT USAGE ON SCHEMA testing TO omoi;
CREATE FUNCTION testing.empty() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN TRUNCATE {}; END $$;
GRANT EXECUTE ON FUNCTION testing.empty() TO omoi;
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
        emptied = ", ".join(sorted(tables - {"django_content_type", "auth_permission"}))
        with connection.cursor() as cursor:
            cursor.execute(EMPTY.format(emptied))
        cluster.become(location.APPLICATION)
        shipped = list(Workflow.objects.all())

    def empty(case: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT testing.empty()")
        Workflow.objects.bulk_create(shipped)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield
        cluster.become(location.OWNER)


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
