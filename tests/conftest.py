"""The fixed cast every test may call on.

`ada` and `bob` are agents of project OMO, `ticket` stands in DOING of `simple`, `task` is ready. A test states only what differs.
"""

from __future__ import annotations

import pytest

from tests.cluster import django_db_modify_db_settings  # noqa: F401  (here it goes before pytest-django's own)
from tests.web import web  # noqa: F401


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """History and journal refuse TRUNCATE, which the flush after a committing test needs: only that trigger is off, only here."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_event DISABLE TRIGGER journal_is_never_emptied")
        cursor.execute("ALTER TABLE tickets_phasemove DISABLE TRIGGER history_is_never_emptied")
        cursor.execute("ALTER TABLE tickets_workflowphase DISABLE TRIGGER workflow_phases_are_never_emptied")


@pytest.fixture(autouse=True)
def shipped_workflows(request: pytest.FixtureRequest) -> None:
    """A flush takes what migrations put in; a committing test gets it back."""
    if "transactional_db" in request.fixturenames or any(mark.kwargs.get("transaction") for mark in request.node.iter_markers("django_db")):
        request.getfixturevalue("transactional_db")
        from tickets.models import Workflow
        from tickets.workflow import SHIPPED

        for document in sorted(SHIPPED.glob("*.yaml")):
            Workflow.objects.install(document)
    return


@pytest.fixture
def operator(django_user_model):
    return django_user_model.objects.create_superuser("admin", password=None)


@pytest.fixture
def project(operator):
    from agents.models import Project

    return Project.objects.found(key="OMO", workflow="simple", profiles=["echo", "pause"], by=operator)


@pytest.fixture
def ada(project, operator):
    from agents.models import Agent

    return Agent.objects.register(name="ada", projects=[project], capacity=5, by=operator)


@pytest.fixture
def bob(project, operator):
    from agents.models import Agent

    return Agent.objects.register(name="bob", projects=[project], capacity=5, by=operator)


@pytest.fixture
def ticket(project, operator):
    """A ticket in DOING, without a task."""
    from tickets.models import Ticket

    opened = Ticket.objects.open(project=project, title="Capture payments", by=operator)
    with Ticket.objects.locked(pk=opened.pk) as locked:
        locked.advance(by=operator)
    return Ticket.objects.get(pk=opened.pk)


@pytest.fixture
def task(ticket, operator):
    """A ready task of `ticket`."""
    from tickets.models import Task, TaskSpec

    [added] = Task.objects.add(ticket, [TaskSpec("Write the endpoint")], by=operator)
    return added
