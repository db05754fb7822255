"""The two roles of a database: the owner makes tables and changes them; the application works in them and
owns nothing.

Whoever holds the application's role cannot switch a trigger off, replace a function or give itself more
rights. The owner is used to migrate, and for nothing else. An external database may have one role for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error, connection, connections

from omoi_site.database import location, sql
from omoi_site.database.binaries import NoServer
from omoi_site.setup import paths

DATABASE = """
SELECT
  oid,
  pg_postmaster_start_time()
FROM pg_database
WHERE datname = current_database()
"""
MAY_MIGRATE = """
SELECT
  coalesce(
    (
      SELECT pg_has_role(relowner, 'USAGE')
      FROM pg_class
      WHERE oid = to_regclass('django_migrations')
    ),
    has_schema_privilege(current_schema(), 'CREATE'),
    false
  ) AS allowed
"""


def application() -> str:
    """The name of the application's role."""
    return str(location.database(settings.OMOI_HOME)["USER"])


def owner(application: dict[str, Any]) -> dict[str, Any] | None:
    """How to connect as the owner to the database described; None where it has no second role."""
    described = location.owner(settings.OMOI_HOME)
    if described is None or described["USER"] == application["USER"]:
        return None
    if location.is_embedded():  # a test's database is another one of the same server
        if not described["PASSWORD"]:
            raise NoServer(
                f"{settings.OMOI_HOME / paths.PASSWORD_OF_OWNER} is missing."
                " Restart `up`: it sets a new password."
            )
        return {**application, "USER": described["USER"], "PASSWORD": described["PASSWORD"]}
    return {**application, **described}


@contextmanager
def as_owner() -> Iterator[None]:
    """For the block, Django's connection of this thread is the owner's; with one role it stays as it is.

    Raises NoServer if OMOI_OWNER_URL does not answer, BadAddress if it leads to another database or names a
    role that may not migrate.
    """
    link = connections["default"]
    application = link.settings_dict
    described = owner(application)
    here = _database() if described and not location.is_embedded() else None
    if described:
        link.close()
        link.settings_dict = described
    try:
        if described and here:
            reach("of OMOI_OWNER_URL ")
            if here != _database():
                raise location.BadAddress("OMOI_OWNER_URL and DATABASE_URL lead to different databases.")
            if sql.rows(MAY_MIGRATE) != [{"allowed": True}]:
                raise location.BadAddress(
                    f"The role {described['USER']} of OMOI_OWNER_URL does not own the tables and may not"
                    " migrate. Name the role that owns them there, and in DATABASE_URL the application's."
                )
        yield
    finally:
        if link.settings_dict is not application:
            link.close()
            link.settings_dict = application


def reach(which: str = "") -> None:
    """Raise NoServer unless the database answers. The message names host and port, never the password."""
    try:
        connection.ensure_connection()
    except Error as error:
        database = connection.settings_dict
        raise NoServer(
            f"The database {which}at {location.place_of(database)} does not answer:"
            f" {location.plainly(error, database)}. Nothing was changed."
        ) from error


def _database() -> dict[str, Any] | None:
    """Which database of which server this is, however its address is written."""
    return sql.one(DATABASE)
