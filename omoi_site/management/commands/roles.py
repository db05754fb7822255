"""`manage.py roles`: which role the application works as, and what is left to do about it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from omoi_site import command_base
from omoi_site.database import role_check, second_role


class Command(command_base.Command):
    help = (
        "Show which role the application works as and what that role could do to the guards of the database."
        " Change nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sql", action="store_true", help="print the SQL that ends it, for psql")

    def act(self, *, sql: bool = False, **_: Any) -> command_base.Document:
        connection.ensure_connection()
        held = role_check.look(connection.connection)
        document = held.as_dict()
        if sql:
            document["sql"] = second_role.script(connection.connection, held, connection.settings_dict)
        return document

    def show(self, document: command_base.Document) -> None:
        if "sql" in document:
            for line in document["sql"] or ["-- There is nothing to do."]:
                self.stdout.write(line)
        elif document["faults"]:
            for fault in document["faults"]:
                self.stdout.write(f"{fault}.")
            self.stdout.write(document["how"])
        else:
            self.stdout.write(
                f"{document['application']} owns none of {document['tables']} tables;"
                f" {document['owner']} owns them."
            )
