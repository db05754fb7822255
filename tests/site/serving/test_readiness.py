"""`/readyz` says what is wrong, in time, to anybody, and costs the database little."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request

import pytest
from django.db import connection, transaction

from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from omoi_site.serving import readiness
from tests.support import cluster
from tests.support.wait import until
from tests.support.web_process import Web

pytestmark = pytest.mark.django_db(transaction=True)


def get(web, path="/readyz"):
    try:
        with urllib.request.urlopen(f"http://{web.host}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check(web, name):
    """What this check says now; an answer may be a second old."""
    return get(web)[1]["checks"][name]


@pytest.mark.full
def test_it_says_of_each_part_what_is_wrong_with_it(web):
    until(lambda: check(web, "database") == "")

    status, answer = get(web)
    assert set(answer["checks"]) == {
        "database",
        "migrations",
        "embedded_server",
        "broker",
        "clock",
        "journal",
        "live",
        "draining",
    }
    assert [name for name, wrong in answer["checks"].items() if wrong] == ["clock"]  # none runs in this test
    assert (status, answer["ready"], answer["warnings"]) == (503, False, {})


@pytest.mark.full
def test_it_warns_of_a_role_that_owns_the_tables():
    web = Web(DATABASE_URL=cluster.environment()["OMOI_OWNER_URL"])
    try:
        warning = until(lambda: get(web)[1]["warnings"].get("roles"))
        assert "omoi_owner owns" in warning
        assert "python3 manage.py roles --sql" in warning
    finally:
        web.stop()


@pytest.mark.full
def test_it_names_a_migration_that_is_not_applied(web):
    with as_owner():
        [row] = sql.rows(
            "DELETE FROM django_migrations WHERE app = 'agents' AND name LIKE '0002%%' RETURNING app, name,"
            " applied"
        )
    try:
        until(
            lambda: (
                f"1 of {len(readiness.shipped())}" in check(web, "migrations")
                and f"agents.{row['name']}" in check(web, "migrations")
            )
        )
        assert get(web)[0] == 503
    finally:
        with as_owner():
            sql.rows(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%(app)s, %(name)s, %(applied)s)",
                row,
            )
    until(lambda: check(web, "migrations") == "")


@pytest.mark.full
def test_a_database_that_is_slow_is_named_in_time(web):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE django_migrations")
        began = time.monotonic()
        until(lambda: check(web, "migrations"))
        assert get(web, "/healthz")[0] == 200
        assert time.monotonic() - began < 4
    until(lambda: check(web, "migrations") == "")


@pytest.mark.full
def test_a_database_that_says_nothing_is_named_within_two_seconds_and_no_secret_with_it():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        web = Web(DATABASE_URL=f"postgresql://omoi:hunter2@127.0.0.1:{silent.getsockname()[1]}/omoi")
        try:
            for longest in (8, 1.8):  # the first look, and while it still hangs
                began = time.monotonic()
                status, answer = get(web)
                assert time.monotonic() - began < longest
                assert status == 503
                assert answer["checks"]["database"] == "no answer within 2 s"
                assert "hunter2" not in json.dumps(answer)
            assert get(web, "/healthz")[0] == 200
        finally:
            web.stop()


def test_it_looks_at_most_once_a_second_however_often_it_is_asked(web):
    began, looks = time.monotonic(), set()
    for _ in range(60):
        get(web)
        looks |= {row["query_start"] for row in sql.rows(FIRST_STATEMENT_OF_A_LOOK)}
    assert len(looks) <= time.monotonic() - began + 2


FIRST_STATEMENT_OF_A_LOOK = """SELECT query_start FROM pg_stat_activity
                               WHERE datname = current_database()
                                  AND pid <> pg_backend_pid()
                                  AND query LIKE '%transaction_read_only%'"""
