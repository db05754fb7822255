"""The SQL that gives the application of an external database a role of its own.

The role that owns the tables today stays their owner, so nothing changes hands. The next `migrate` gives the
new role its privileges.
"""

from __future__ import annotations

import secrets
from typing import Any

from psycopg import sql

from omoi_site.database import location, privileges
from omoi_site.database.role_check import Held

NAME = "omoi_application"


def script(link: Any, held: Held, described: dict[str, Any]) -> list[str]:
    """Its lines, for psql; none where there is nothing to do.

    described: Django's settings of the database.
    """
    if not held.faults:
        return []
    database, schema = sql.Identifier(described["NAME"]), sql.Identifier(held.schema)
    closed = [
        sql.SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema),
        sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC").format(database),
    ]
    if not (held.owned or held.unbound):
        role = sql.Identifier(held.application)
        owner = sql.Identifier(held.owner)
        given = {
            "database": sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner),
            "schema": sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(schema, owner),
        }
        closed = [
            *(given[name] for name in held.holds),
            *closed,
            sql.SQL("REVOKE CREATE ON SCHEMA {} FROM {}").format(schema, role),
            sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM {}").format(database, role),
            *(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), role) for group in held.member),
        ]
        who = "a superuser such as postgres" if held.holds or held.member else "a role that owns it"
        return [
            f"-- Run this with psql in the database {described['NAME']}, as {who}:",
            *_text(link, closed),
            *(f"{statement};" for statement in privileges.missing(link, held.owner, held.application)),
        ]
    password, role = secrets.token_urlsafe(24), sql.Identifier(NAME)
    made = [
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)),
        sql.SQL("GRANT pg_read_all_stats TO {}").format(role),
        *closed,
    ]
    address = location.url(described["HOST"], described["NAME"], NAME, password, described["PORT"])
    return [
        f"-- Run this with psql in the database {described['NAME']}, as a superuser such as postgres:",
        *_text(link, made),
        "-- Then set OMOI_OWNER_URL to the DATABASE_URL of today, and start Omoi with",
        f"-- DATABASE_URL={address}",
        "-- `up` and `migrate` give the new role its privileges.",
    ]


def _text(link: Any, statements: list[sql.Composed]) -> list[str]:
    return [f"{statement.as_string(link)};" for statement in statements]
