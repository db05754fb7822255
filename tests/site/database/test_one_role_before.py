"""A data folder of an earlier version, whose one role owned everything."""

from __future__ import annotations

import gzip
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from omoi_site.database import binaries, embedded, embedded_roles, location
from omoi_site.setup import paths, secrets
from tests.support.up_process import short_home

# As version 0.1 stored them before its code stood in rooms.
OLDER = Path(__file__).parent / "data" / "before_rooms.sql.gz"
OWNERS = """
SELECT pg_get_userbyid(relowner), count(*)
FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, 'dramatiq'::regnamespace)
GROUP BY 1
"""


@pytest.fixture
def older():
    """A server that an earlier version made, stopped: one role, which may make databases and owns its own."""
    with short_home() as home:
        server = embedded.Server(home, throwaway=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedded_roles, "make", one_role)
            server.start()
        address = location.url(
            str(paths.socket_folder(home)), "omoi", "omoi", secrets.read(home, paths.PASSWORD)
        )
        loading = [binaries.binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", address]
        subprocess.run(
            loading, input=gzip.decompress(OLDER.read_bytes()), stdout=subprocess.DEVNULL, check=True
        )
        stop(server)
        yield server
        server.stop()


def one_role(link, home, **_):
    """What versions with one role did."""
    password = secrets.kept(home, paths.PASSWORD)
    link.execute(f"CREATE ROLE omoi LOGIN CREATEDB PASSWORD '{password}'")
    link.execute("CREATE DATABASE omoi OWNER omoi")


def stop(server):
    """In good order: what a throwaway server has not synced yet would be lost."""
    server.process.send_signal(signal.SIGINT)
    server.process.wait(30)


def owners(server):
    with server.connect(superuser=True) as link:
        return {name for name, _ in link.execute(OWNERS)}, embedded_roles.owner_of_database(link)


def test_it_is_converted_once_after_a_backup(older):
    older.start()

    assert owners(older) == ({"omoi_owner"}, "omoi_owner")
    [saved] = (older.home / "backups").glob("*.dump")
    assert str(saved) in older.news[0]
    with older.connect() as link:
        assert link.execute("SELECT count(*) FROM tickets_ticket").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER ALL")
    stop(older)
    older.news.clear()
    older.start()
    assert not older.news
    assert len(list((older.home / "backups").glob("*.dump"))) == 1
