"""What the application's role may do, and the statements that make it so.

A model says what its table is for, `application_privileges = INSERT_ONLY`; without a word, rows may be read,
inserted, changed and deleted. An app names the functions that the application calls itself in
`application_functions` of its AppConfig; triggers need no right to run theirs.
"""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from omoi_site.database import location, roles, sql

READ_ONLY = ("SELECT",)
INSERT_ONLY = ("SELECT", "INSERT")
NO_DELETE = ("SELECT", "INSERT", "UPDATE")
STATEMENTS = sql.statement(__file__, "privileges")


def restricted() -> dict[str, list[str]]:
    """What may be done with each table that is not for every use, by name."""
    tables = {"django_migrations": READ_ONLY}
    for model in apps.get_models(include_auto_created=True):
        if privileges := getattr(model, "application_privileges", None):
            tables[model._meta.db_table] = privileges
    return {name: list(privileges) for name, privileges in tables.items()}


def functions() -> list[str]:
    """The functions that the application calls by name."""
    return [name for app in apps.get_app_configs() for name in getattr(app, "application_functions", ())]


def missing(link: Any, owner: str, application: str) -> list[str]:
    """The statements that make the application's privileges what they should be, in order.

    link: what has `execute`, as psycopg's connections and Django's cursors do.
    """
    parameters = {
        "owner": owner,
        "application": application,
        "restricted": json.dumps(restricted()),
        "functions": functions(),
    }
    return [statement for statement, _ in link.execute(STATEMENTS, parameters)]


def grant() -> int:
    """As the owner: give the application what it should have and take what it should not. Returns how many
    statements that took: none where nothing had changed, or where there is one role only.
    """
    with roles.as_owner(), transaction.atomic(), connection.cursor() as cursor:
        owner, application = connection.settings_dict["USER"], roles.application()
        if owner == application:
            return 0
        if not sql.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", [application]):
            raise location.BadAddress(f"The role {application} of DATABASE_URL does not exist on the server.")
        statements = missing(cursor, owner, application)
        for statement in statements:
            cursor.execute(statement)
    return len(statements)
