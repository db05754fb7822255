"""The tables of an empty database: made in one step, or by each migration, they are the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from omoi_site.database import binaries, location, schema, sql
from omoi_site.setup import paths, secrets
from tests.support import ROOT, cluster

pytestmark = pytest.mark.django_db(transaction=True)
NAME, COPY = "from_nothing", "copy"
# Which migration was applied first is not the same; that all are is asked of `migrate`.
UNORDERED = ["--exclude-table-data=public.django_migrations"]
OF_PSQL = re.compile(r"^\\.*\n", re.MULTILINE)


@contextmanager
def database(name=NAME):
    """The environment of a process that works on an empty database."""
    with cluster.superuser() as link:
        link.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        link.execute(f"CREATE DATABASE {name} OWNER {location.OWNER}")
    here = location.embedded(cluster.HOME, location.OWNER)["HOST"]
    urls = {
        variable: location.url(here, name, role, location.embedded(cluster.HOME, role)["PASSWORD"])
        for variable, role in (("DATABASE_URL", location.APPLICATION), ("OMOI_OWNER_URL", location.OWNER))
    }
    try:
        yield {**os.environ, **urls}
    finally:
        with cluster.superuser() as link:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrate(environment, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dumped():
    """The database as a dump, owners, rights and rows included; it is itself what a dump was read into.

    PostgreSQL writes down what it has understood: brackets that say nothing are gone when it has read that.
    """
    text = dump(NAME)
    with database(COPY), cluster.superuser(COPY) as link:
        link.execute(text.encode())
        return dump(COPY).splitlines()


def dump(name):
    words = [binaries.binaries() / "pg_dump", "--column-inserts", *UNORDERED, "--username=postgres", name]
    password = secrets.kept(cluster.HOME, paths.PASSWORD_OF_SUPERUSER)
    host = location.embedded(cluster.HOME, location.OWNER)["HOST"]
    done = subprocess.run(
        [*words, f"--host={host}"],
        env={**os.environ, "PGPASSWORD": password, "PGTZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    )
    return schema.A_TIME.sub("now()", OF_PSQL.sub("", done.stdout))


@pytest.mark.full
def test_in_one_step_they_are_what_the_migrations_make():
    with database() as environment:
        assert "in one step" in migrate(environment)
        at_once = dumped()
        assert "No migrations to apply" in migrate(environment)
    with database() as environment:
        assert "in one step" not in migrate(environment, "--one-by-one")
        assert at_once == dumped()


def test_it_stands_for_migrations_that_there_are():
    known = MigrationLoader(None).disk_migrations
    listed = [
        tuple(line.split("'")[1:4:2])
        for line in schema.FILE.read_text().splitlines()
        if line.startswith("INSERT INTO public.django_migrations ")
    ]
    assert listed
    assert set(listed) <= set(known)


@pytest.mark.full
def test_where_there_is_anything_nothing_is_made():
    with database() as environment, cluster.superuser(NAME) as link:
        link.execute("CREATE TABLE theirs (id int)")
        assert "Applying tickets.0001" in migrate(environment, "tickets", "0001")
        assert link.execute("SELECT to_regclass('tickets_pool')").fetchone() == (None,)
    assert not schema.load(), "the database of the tests has tables"
    assert sql.one("SELECT count(*) AS number FROM tickets_workflow")["number"]
    assert connection.get_autocommit()
