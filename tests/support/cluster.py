"""A PostgreSQL for the tests: one throwaway embedded server per pytest process, so that workers never see
each other's data.

Snapshots, roles and tablespaces are the whole server's: with a database each on one server a worker's long
transaction would hold back another's journal. A plugin of pytest, loaded by `-p tests.support.cluster`: it
must set OMOI_HOME before Django reads its settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from agents.executors.removal import remove
from omoi_site.database import embedded, location
from omoi_site.setup import paths
from tests.support import ready_home

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
PREFIX = "omoi-test-"
MEMORY = Path("/dev/shm")  # files in memory: making and emptying tables costs half of what it does on a disk
WANTED = 4 << 30  # bytes free there, of which a run takes a fifth


def begin_run() -> str:
    """The folder of a new run. Those of runs that were killed go: nobody holds their lock any more."""
    for folder in {Path(tempfile.gettempdir()), MEMORY}:
        for held in folder.glob(f"{PREFIX}*/held"):
            with contextlib.suppress(OSError), held.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # not shutil.rmtree, which fails in a folder deeper than Python's recursion, as jobs make them
                subprocess.run(["rm", "-rf", held.parent], stderr=subprocess.DEVNULL)
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= WANTED
    run = tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY if in_memory else None)
    lock = os.open(f"{run}/held.new", os.O_CREAT | os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as long as this process lives
    os.rename(f"{run}/held.new", f"{run}/held")
    return run


# What a worker makes lies in the folder of the run, which goes when the run ends, however the worker ended.
RUN = Path(os.environ["OMOI_HOME"] if WORKER else begin_run())
HOME = RUN / WORKER
HOME.mkdir(exist_ok=True)
HOME.chmod(0o711)
os.environ["OMOI_HOME"] = str(HOME)
for name in ("DATABASE_URL", "OMOI_OWNER_URL"):
    os.environ.pop(name, None)
os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # some hundred processes are started: none should compile again what another has

_server: list[embedded.Server] = []


def start() -> None:
    """The server of this process, started when it is first needed."""
    if not _server:
        if WORKER:  # a process alone is done sooner with migrations of its own
            ready_home.copy_to(HOME, RUN)
        server = embedded.Server(HOME, throwaway=True)
        server.start()
        _server.append(server)


def superuser(database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    return embedded.Server(HOME, throwaway=True).connect(database, superuser=True)


def owner() -> psycopg.Connection[tuple[Any, ...]]:
    """A connection of its own to the database of the running test, as the role that owns it."""
    from django.db import connection

    from omoi_site.database import roles

    described = roles.owner(connection.settings_dict)
    assert described
    return psycopg.connect(**location.libpq(described), autocommit=True)


def environment() -> dict[str, str]:
    """What a process of its own needs to work on the database of the running test."""
    from django.conf import settings

    here = settings.DATABASES["default"]
    return {
        **os.environ,
        **{
            variable: location.url(
                here["HOST"], here["NAME"], role, location.embedded(HOME, role)["PASSWORD"]
            )
            for variable, role in (("DATABASE_URL", location.APPLICATION), ("OMOI_OWNER_URL", location.OWNER))
        },
    }


# What a session can be given that outlives its transactions, beside statements that it has prepared and how
# they are planned: our back end knows both.
STATE = """
SELECT
  (
    SELECT string_agg(name || '=' || setting, ' ' ORDER BY name)
    FROM pg_settings
    WHERE source = 'session'
      AND name <> 'plan_cache_mode'
  ),
  pg_my_temp_schema(),
  ARRAY(SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
  ARRAY(SELECT pg_listening_channels())
"""
_new: list[Any] = []  # STATE of a new connection


def as_new(connection: Any) -> bool:
    """Whether Django's connection can serve the next test: it works, and its session was not changed."""
    from django.db import Error

    link = connection.connection
    if link is not None and (link.closed or link.info.transaction_status != TransactionStatus.IDLE):
        return False
    try:
        with connection.cursor() as cursor:
            found = cursor.execute(STATE).fetchall()
    except Error:
        return False
    if link is None or not _new:
        _new[:] = found
    return found == _new


OTHERS = "pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user"


def end_sessions(where: str = OTHERS) -> int:
    """End the clients' sessions for which `where` holds, by default all of our role but ours; how many."""
    from omoi_site.database import sql

    # Not the database's own workers: a visit of autovacuum is not ours to end. Each has ended when this
    # returns.
    return len(
        sql.rows(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client"
            f" backend' AND {where}"
        )
    )


def pytest_unconfigure() -> None:
    while _server:
        _server.pop().stop()
    for home in (HOME, *HOME.glob(ready_home.NAME)):
        for folder in (paths.socket_folder(home), paths.data_folder(home)):
            remove(folder)
    remove(HOME)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    from django.conf import settings
    from django.db import connections

    start()
    become(location.OWNER)  # who makes the database of the tests, and takes it away
    if WORKER:
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = connections["default"].settings_dict["NAME"]
    yield
    connections.close_all()


def become(role: str) -> None:
    """This process works as that role from now on."""
    from django.conf import settings
    from django.db import connections

    connections.close_all()
    here = location.embedded(HOME, role)
    for described in (settings.DATABASES["default"], connections["default"].settings_dict):
        described.update({name: here[name] for name in ("HOST", "USER", "PASSWORD")})
