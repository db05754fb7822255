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

from omoi_site.database import location
from tests.support import cluster, world

# here it goes before pytest-django's own
from tests.support.cluster import django_db_modify_db_settings  # noqa: F401
from tests.support.kept_plans import kept_statements
from tests.support.web_process import web  # noqa: F401

# How long an example takes depends on what else the machine does.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

LEFT = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity
WHERE datname = %s
  AND backend_type = 'client backend'
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Rows that migrations insert exist in every test, whichever ran before it in this process; so does what
    it asks for of the cast. `tests/support/world.py` says how.

    Django's flush after a committing test empties every table and creates the permissions again, which takes
    longer than most tests. Ours keeps permissions and restores the shipped workflows. History and journal
    refuse TRUNCATE; only this trigger is disabled, and only here.
    """
    from django.db import connection

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE agents_event DISABLE TRIGGER journal_is_never_emptied")
            cursor.execute("ALTER TABLE tickets_phasemove DISABLE TRIGGER history_is_never_emptied")
            cursor.execute(
                "ALTER TABLE tickets_workflowphase DISABLE TRIGGER workflow_phases_are_never_emptied"
            )
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        cluster.become(location.APPLICATION)

    with kept_statements(), world.prepared([*tables, "dramatiq.queue"]):
        yield
    cluster.become(location.OWNER)
    with cluster.superuser() as link:  # what the tests of a browser keep belongs to its event loop
        link.execute(LEFT, [connection.settings_dict["NAME"]])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    world.expect(item)


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
def operator():
    return world.member("operator")


@pytest.fixture
def project(operator):
    return world.member("project", operator=operator)


@pytest.fixture
def ada(project, operator):
    return world.member("ada", project=project, operator=operator)


@pytest.fixture
def bob(project, operator):
    return world.member("bob", project=project, operator=operator)


@pytest.fixture
def ticket(project, operator):
    """A ticket in DOING, without a task."""
    return world.member("ticket", project=project, operator=operator)


@pytest.fixture
def task(ticket, operator):
    """A ready task of `ticket`."""
    return world.member("task", ticket=ticket, operator=operator)
