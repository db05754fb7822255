"""The embedded server's promises."""

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest
from django.db import connection

from omoi_site import place, postgres, whereabouts
from tests import cluster
from tests.site.upping import short_home


@pytest.mark.django_db
def test_our_role_is_no_superuser_and_every_connection_needs_its_password():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("",)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=connection.settings_dict["HOST"], user="omoi", dbname="omoi", password="wrong")
    assert place.socket_folder(cluster.HOME).stat().st_mode & 0o077 == 0


def test_a_server_that_forgets_is_refused():
    with pytest.raises(postgres.NoServer, match="synchronous_commit off"):
        postgres.assert_durable({"fsync": "on", "synchronous_commit": "off", "full_page_writes": "on"})


@pytest.mark.django_db
def test_another_process_finds_the_database_of_the_test_by_its_environment(monkeypatch):
    monkeypatch.setitem(os.environ, "DATABASE_URL", cluster.environment()["DATABASE_URL"])
    found, here = whereabouts.database(cluster.HOME), connection.settings_dict
    assert {name: found[name] for name in ("HOST", "NAME", "USER", "PASSWORD")} == {
        name: here[name] for name in ("HOST", "NAME", "USER", "PASSWORD")
    }


def test_a_pid_file_whose_number_is_another_programs_now_is_cleared():
    with short_home() as home:
        server = postgres.Server(home, throwaway=True)
        server.start()
        server.stop()
        note = place.ground(home) / "data" / "postmaster.pid"
        with subprocess.Popen(["sleep", "60"], cwd="/", **server._as_servant()) as stranger:
            note.write_text(f"{stranger.pid}\n{note.parent}\n")
            server._give_to_servant(note)
            try:
                server.start(patience=10)
                assert note.read_text().split("\n", 1)[0] == str(server.process.pid)
                assert stranger.poll() is None
            finally:
                server.stop()
                stranger.kill()
