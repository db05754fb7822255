"""A data folder of an earlier version, whose one role owned everything."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from omoi_site.database import binaries, embedded, embedded_roles, location
from omoi_site.setup import paths, secrets
from tests.support import ROOT, children
from tests.support.up_process import Up, short_home
from tests.support.wait import until

# As version 0.1 stored them before its code stood in rooms.
OLDER = Path(__file__).parent / "data" / "before_rooms.sql.gz"
OWNERS = """
SELECT DISTINCT pg_get_userbyid(relowner)
FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, 'dramatiq'::regnamespace)
"""
# Runs in the middle of the conversion: when the tables have changed hands, at the first privilege.
MIDDLE = """
CREATE FUNCTION middle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;
CREATE EVENT TRIGGER middle ON ddl_command_end WHEN TAG IN ('GRANT') EXECUTE FUNCTION middle();
"""


@pytest.fixture
def older():
    """A server that an earlier version made, stopped: one role, which may make databases and owns its own."""
    with short_home() as home:
        server = embedded.Server(home, throwaway=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedded_roles, "make", one_role)
            server.start()
        there = location.url(
            str(paths.socket_folder(home)), "omoi", "omoi", secrets.read(home, paths.PASSWORD)
        )
        loading = [binaries.binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", there]
        subprocess.run(
            loading, input=gzip.decompress(OLDER.read_bytes()), stdout=subprocess.DEVNULL, check=True
        )
        yield server
        server.stop()


def one_role(link, home, **_):
    """What versions with one role did."""
    password = secrets.kept(home, paths.PASSWORD)
    link.execute(f"CREATE ROLE omoi LOGIN CREATEDB PASSWORD '{password}'")
    link.execute("CREATE DATABASE omoi OWNER omoi")


def stop(server):
    """In good order: a throwaway server that is killed loses what it has not written yet."""
    server.process.send_signal(signal.SIGINT)
    server.process.wait(30)


def owners(server):
    with server.connect(superuser=True) as link:
        tables = {name for (name,) in link.execute(OWNERS)}
        roles = {name for (name,) in link.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^omoi'")}
        return tables, embedded_roles.owner_of_database(link), roles


AS_IT_WAS = ({"omoi"}, "omoi", {"omoi"})
CONVERTED = ({"omoi_owner"}, "omoi_owner", {"omoi", "omoi_owner"})


def backups(server):
    return list((server.home / "backups").glob("*.dump"))


def test_it_is_converted_once_after_a_backup(older):
    stop(older)
    older.start()

    assert owners(older) == CONVERTED
    [saved] = backups(older)
    assert str(saved) in older.news[0]
    with older.connect() as link:
        assert link.execute("SELECT count(*) FROM tickets_ticket").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER ALL")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("CREATE DATABASE another")
    stop(older)
    older.news.clear()
    older.start()
    assert not older.news
    assert backups(older) == [saved]


@pytest.mark.full
def test_one_that_fails_in_the_middle_leaves_it_as_it_was(older):
    with older.connect(superuser=True) as link:
        link.execute(MIDDLE.format("RAISE EXCEPTION 'no room';"))
    stop(older)

    with pytest.raises(binaries.NoServer, match=r"no room.*unchanged"):
        older.start()

    assert owners(older) == AS_IT_WAS
    with older.connect() as link:  # the version before works on in it
        link.execute("ALTER TABLE tickets_ticket SET (fillfactor = 70)")
        link.execute("INSERT INTO django_session VALUES ('key', 'data', now())")
    with older.connect(superuser=True) as link:
        link.execute("DROP EVENT TRIGGER middle")
    stop(older)
    older.start()
    assert owners(older) == CONVERTED


@pytest.mark.full
def test_one_that_is_killed_in_the_middle_leaves_it_as_it_was(older):
    with older.connect(superuser=True) as link:
        link.execute(MIDDLE.format("PERFORM pg_sleep(600);"))
    stop(older)
    start = (
        "import django, sys; from pathlib import Path; django.setup();"
        " from omoi_site.database import embedded;"
        " embedded.Server(Path(sys.argv[1]), throwaway=True).start()"
    )
    process = children.start(
        [sys.executable, "-c", start, str(older.home)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "omoi_site.settings", "OMOI_HOME": str(older.home)},
    )
    until(lambda: sleeping(older))
    process.kill()
    process.wait()

    older._run(2**40, lambda: False)  # the server alone

    assert owners(older) == AS_IT_WAS
    with older.connect(superuser=True) as link:
        link.execute("DROP EVENT TRIGGER middle")
    stop(older)
    older.start()
    assert owners(older) == CONVERTED


def sleeping(server):
    """Whether the conversion has come to its middle."""
    try:
        with server.connect(superuser=True) as link:
            return link.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            ).fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@pytest.mark.full
def test_up_works_on_in_it_with_two_roles(older):
    stop(older)
    up = Up(older.home).ready()
    try:
        assert "Its tables now belong to a role of their own." in up.said
        assert up.get("/readyz") == 200
        held = up.manage("explain", "OLD-1.1", "--json")
        assert '"state": "claimed"' in held.stdout, held.stderr
        assert "omoi owns none" in up.manage("doctor").stdout
    finally:
        assert up.stop() == 0
