"""The embedded server's promises."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from omoi_site.database import binaries, embedded, location
from omoi_site.setup import paths
from tests.support import children, cluster
from tests.support.up_process import short_home


@pytest.mark.django_db
def test_our_role_is_no_superuser_and_every_connection_needs_its_password():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("",)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=connection.settings_dict["HOST"], user="omoi", dbname="omoi", password="wrong")
    assert paths.socket_folder(cluster.HOME).stat().st_mode & 0o077 == 0


def test_a_server_that_forgets_is_refused():
    with pytest.raises(binaries.NoServer, match="synchronous_commit off"):
        embedded.assert_durable({"fsync": "on", "synchronous_commit": "off", "full_page_writes": "on"})


@pytest.mark.django_db
def test_another_process_finds_the_database_of_the_test_by_its_environment(monkeypatch):
    monkeypatch.setitem(os.environ, "DATABASE_URL", cluster.environment()["DATABASE_URL"])
    found, here = location.database(cluster.HOME), connection.settings_dict
    assert {name: found[name] for name in ("HOST", "NAME", "USER", "PASSWORD")} == {
        name: here[name] for name in ("HOST", "NAME", "USER", "PASSWORD")
    }


@pytest.fixture
def stopped():
    """A server that was stopped, its pid file, and what stood there below the number."""
    with short_home() as home:
        server = embedded.Server(home, throwaway=True)
        server.start()
        note = paths.data_folder(home) / "data" / "postmaster.pid"
        lines = note.read_text().split("\n")[1:]
        server.stop()
        yield server, note, lines
        server.stop()


@pytest.mark.full
def test_a_pid_file_whose_number_is_another_programs_now_does_not_keep_it_from_starting(stopped):
    server, note, lines = stopped
    with subprocess.Popen(["sleep", "600"], cwd="/", **binaries.run_as(server.account)) as stranger:
        note.write_text("\n".join([str(stranger.pid), *lines]))
        server._give_to_service_user(note)
        try:
            server.start(patience=20)
            assert note.read_text().split("\n", 1)[0] == str(server.process.pid)
            assert stranger.poll() is None
        finally:
            server.stop()
            stranger.kill()


@pytest.mark.full
def test_only_the_number_of_a_stranger_is_taken_out_of_a_pid_file(stopped):
    server, note, lines = stopped
    for folder, known in (
        (Path("/"), True),
        (note.parent, False),
    ):  # a server of ours stands in its data folder
        with children.running(["sleep", "600"], cwd=folder) as other:
            note.write_text("\n".join([str(other.pid), *lines]))
            server._forget_stranger()
            other.kill()
            number, *rest = note.read_text().split("\n")
            assert rest == lines
            assert number == str(os.getpid() if known else other.pid)
    note.write_text("what is this?")
    server._forget_stranger()
    assert note.read_text() == "what is this?"


@pytest.mark.full
@pytest.mark.parametrize("name", paths.PASSWORDS)
def test_a_lost_password_is_made_anew(stopped, name):
    server, _, _ = stopped
    (server.home / name).unlink()

    server.start(patience=20)

    for role in (location.APPLICATION, location.OWNER):
        described = location.libpq(location.embedded(server.home, role))
        with psycopg.connect(**described) as link:
            assert link.execute("SELECT current_user").fetchone() == (role,)
    with server.connect(superuser=True) as link:
        assert link.execute("SELECT count(*) FROM pg_database WHERE datname = 'omoi'").fetchone() == (1,)


@pytest.mark.full
def test_a_wrong_password_of_the_superuser_is_reported_at_once(stopped):
    server, _, _ = stopped
    (server.home / paths.PASSWORD_OF_SUPERUSER).write_text("wrong")

    with pytest.raises(binaries.NoServer, match=r"password\.superuser is not the password"):
        server.start(patience=600)

    assert server.process.poll() is not None


@pytest.mark.full
def test_no_statement_shows_a_password(stopped):
    """The application may read in pg_stat_activity what others execute, the superuser too."""
    server, _, _ = stopped
    server.start()
    with server.connect("postgres", superuser=True) as link:
        link.execute("ALTER SYSTEM SET log_statement = 'all'")
        link.execute("SELECT pg_reload_conf()")
    server.process.send_signal(signal.SIGINT)
    server.process.wait(30)
    (server.home / paths.PASSWORD_OF_OWNER).unlink()
    server.start()

    logged = server.log.read_text()
    assert "ALTER ROLE omoi_owner" in logged
    assert not [name for name in paths.PASSWORDS if (server.home / name).read_text() in logged]


@pytest.mark.full
def test_what_the_application_changed_in_its_own_role_ends_with_a_start(stopped):
    server, _, _ = stopped
    server.start()
    with server.connect() as link:
        link.execute("ALTER ROLE omoi SET default_transaction_read_only = on")
        link.execute("ALTER ROLE omoi IN DATABASE omoi SET search_path = pg_catalog")
        link.execute("ALTER ROLE omoi PASSWORD 'mine'")
    server.process.send_signal(signal.SIGINT)
    server.process.wait(30)

    server.start()

    with server.connect() as link:
        assert link.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        assert link.execute("SHOW search_path").fetchone() == ('"$user", public',)
