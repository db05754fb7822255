"""A connection that is kept between requests."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from django.db import OperationalError, connection

from omoi_site.database import prepared, sql
from omoi_site.database.backend import base
from tests.support import ROOT, children, cluster
from tests.support.wait import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_that_was_ended_just_after_its_use_is_opened_anew():
    kept = connection.copy()
    try:
        with kept.cursor() as cursor:
            [pid] = cursor.execute("SELECT pg_backend_pid()").fetchone()
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [pid])

        kept.close_if_unusable_or_obsolete()  # as before every request

        with kept.cursor() as cursor:
            assert cursor.execute("SELECT pg_backend_pid()").fetchone() != (pid,)
    finally:
        kept.close()


def test_a_prepared_statement_on_a_lost_connection_fails_like_any_other():
    """Who can try again must see that: another error would be taken for the statement's own."""
    prepared.rows("SELECT %(n)s::int AS n", {"n": 1})
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
    try:
        with pytest.raises(OperationalError):
            prepared.rows("SELECT %(n)s::int AS n", {"n": 1})
    finally:
        connection.close()


def test_a_server_that_cannot_watch_its_clients_is_used_all_the_same(monkeypatch):
    """As one on Windows: it refuses the setting like a value out of range."""
    monkeypatch.setattr(base.DatabaseWrapper, "watches_client", True)
    monkeypatch.setattr(base, "WATCH_CLIENT", base.WATCH_CLIENT.replace("1s", "-2"))
    for statements in (2, 1):  # it is asked once
        other = connection.copy()
        other.force_debug_cursor = True
        try:
            with other.cursor() as cursor:
                assert cursor.execute("SHOW enable_seqscan").fetchone() == ("off",)
            assert len([each for each in other.queries if "set_config" in each["sql"]]) == statements
        finally:
            other.close()


@pytest.mark.full
def test_the_statement_of_a_process_that_was_killed_ends_with_its_locks():
    """It waits for what we hold, and holds what others want."""
    statement = "SELECT pg_advisory_xact_lock(71, 1), pg_advisory_xact_lock(71, 2)"
    words = f"import django; django.setup(); from omoi_site.database import sql; sql.rows('{statement}')"
    environment = {**cluster.environment(), "DJANGO_SETTINGS_MODULE": "omoi_site.settings"}
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 71 AND objid = 1"
    sql.rows("SELECT pg_advisory_lock(71, 2)")
    try:
        process = children.start([sys.executable, "-c", words], cwd=ROOT, env=environment)
        until(lambda: sql.rows(held))

        process.kill()
        process.wait()

        until(lambda: not sql.rows(held), seconds=8)
    finally:
        sql.rows("SELECT pg_advisory_unlock(71, 2)")


def test_a_snapshot_is_read_only_sees_one_moment_and_leaves_the_connection_as_it_was():
    def how():
        names = ("transaction_isolation", "transaction_read_only")
        return tuple(sql.one("SELECT current_setting(%s) AS now", [name])["now"] for name in names)

    def fails():
        with sql.snapshot():
            assert how() == ("repeatable read", "on")
            with sql.snapshot():
                assert how() == ("repeatable read", "on")
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert how() == ("read committed", "off")
