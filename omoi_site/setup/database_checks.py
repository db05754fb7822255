"""The doctor's checks of the database: the server, its settings, the migrations and the two roles."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings

from omoi_site.database import binaries, embedded, location, role_check
from omoi_site.processes import running_server
from omoi_site.serving import readiness
from omoi_site.setup import paths
from omoi_site.setup.doctor import PATIENCE_S, Found, examines

OLDEST_SERVER = 14


@examines("postgresql")
def server() -> Found:
    """The server itself, embedded or of DATABASE_URL."""
    database = settings.DATABASES["default"]
    try:
        location.database(settings.OMOI_HOME)
    except location.BadAddress as refusal:
        return "wrong", "DATABASE_URL cannot be read", refusal.message
    except paths.Displaced as refusal:
        return "wrong", "the embedded database belongs to another OMOI_HOME", refusal.message
    if location.is_embedded():
        try:
            account = paths.service_user()
        except LookupError as error:
            return "wrong", str(error), "Add the account, or set DATABASE_URL."
        programs = binaries.binaries()
        version_output = subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, text=True, timeout=PATIENCE_S
        )
        if version_output.returncode:
            return (
                "wrong",
                f"{programs / 'postgres'} does not run: {version_output.stderr.strip()[:300]}",
                "Set DATABASE_URL to a server you have.",
            )
        try:
            paths.expect_data(settings.OMOI_HOME)
        except paths.DataGone as refusal:
            return "wrong", refusal.message, refusal.next_action
        version = paths.data_folder(settings.OMOI_HOME) / "data" / "PG_VERSION"
        with contextlib.suppress(OSError):
            if (major := version.read_text().strip()) != str(embedded.MAJOR):
                how = "Dump it with the Omoi that wrote it and restore the dump, or set DATABASE_URL."
                return (
                    "wrong",
                    f"{version.parent} was written by PostgreSQL {major}, and this is {embedded.MAJOR}",
                    how,
                )
        description = f"embedded {version_output.stdout.strip().rpartition(' ')[2]}" + (
            f", runs as {account.name}" if account else ""
        )
        if running_server.find(settings.OMOI_HOME) is None:
            return "off", f"{description}; not started now", "Start it: python3 manage.py up"
    else:
        description = "of DATABASE_URL"
    number = server_version()
    if isinstance(number, psycopg.Error):
        how = (
            "Read logs/postgres.log in OMOI_HOME."
            if location.is_embedded()
            else f"Check {location.place_of(database)} and DATABASE_URL, and that the server runs."
        )
        return (
            "wrong",
            f"{description}: {location.place_of(database)} does not answer:"
            f" {location.plainly(number, database)}",
            how,
        )
    if number // 10_000 < OLDEST_SERVER:
        return (
            "wrong",
            f"{description}: version {number // 10_000}",
            f"PostgreSQL {OLDEST_SERVER} or newer is needed.",
        )
    return "ok", f"{description}: {location.place_of(database)} answers, version {number // 10_000}"


@examines("durability")
def durability() -> Found:
    with answering() as link:
        if link is None:
            return "off", "not known, because no server answers"
        details = embedded.settings_of(link)
    try:
        embedded.assert_durable(details)
    except binaries.NoServer as refusal:
        return (
            "wrong",
            str(refusal),
            f"ALTER SYSTEM SET {next(name for name, value in details.items() if value == 'off')} = on,"
            " then reload.",
        )
    return "ok", ", ".join(f"{name} {value}" for name, value in details.items())


@examines("migrations")
def migrations() -> Found:
    with answering() as link:
        if link is None:
            return "off", "not known, because no server answers"
    if missing := readiness.migrations():
        return "wrong", missing, "Run: python3 manage.py migrate (`up` does this by itself)"
    return "ok", f"all {len(readiness.shipped())} applied"


@examines("roles")
def roles() -> Found:
    """Whether the application works as a role that owns nothing."""
    try:
        location.owner(settings.OMOI_HOME)
    except location.BadAddress as refusal:
        return "wrong", "the owner's address cannot be used", refusal.message
    except paths.Displaced:
        return "off", "not known, because no server answers"
    with answering() as link:
        if link is None:
            return "off", "not known, because no server answers"
        held = role_check.look(link)
    if held.tables == 0:
        return "off", "not known, because the database has no tables yet"
    if not held.faults:
        return "ok", f"{held.application} owns none of {held.tables} tables; {held.owner} does"
    return "wrong" if held.unbound else "attention", "; ".join(held.faults), held.how


def connect() -> psycopg.Connection[Any]:
    return psycopg.connect(
        **{**location.libpq(settings.DATABASES["default"]), "connect_timeout": 3}, autocommit=True
    )


@functools.cache  # several checks ask, and each would wait for a server that never answers
def server_version() -> int | psycopg.Error:
    """The server's version as a number, or why it takes no connection."""
    try:
        with connect() as link:
            return link.info.server_version
    except psycopg.Error as error:
        return error


@contextlib.contextmanager
def answering() -> Iterator[psycopg.Connection[Any] | None]:
    """A connection, or None if no server answers; the server's own line reports that."""
    if isinstance(server_version(), psycopg.Error):
        yield None
        return
    with connect() as link:
        yield link
