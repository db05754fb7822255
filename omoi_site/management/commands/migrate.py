"""`manage.py migrate`: Django's command, run as the owner of the database. It says how to start a server if
none runs, and also grants the application its privileges and installs the shipped documents. An empty
database gets its tables in one step.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate

from omoi_site import command_base
from omoi_site.database import privileges, restored, roles, schema, startup
from omoi_site.errors import OmoiError
from tickets.models import Workflow


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--one-by-one",
            action="store_true",
            help="make the tables of an empty database by each migration, as on a server of another version",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        command_base.demand_database()
        try:
            with roles.as_owner(), startup.alone():
                return super().execute(*args, **options)
        except OmoiError as refusal:
            raise CommandError(refusal.message) from refusal

    def handle(self, *args: Any, **options: Any) -> str | None:
        changes = not options["plan"] and not options["check_unapplied"]
        whole = changes and not options["app_label"] and not options["fake"] and not options["fake_initial"]
        if whole and not options["one_by_one"] and schema.load() and options["verbosity"]:
            self.stdout.write("The tables were made in one step.")
        done = super().handle(*args, **options)
        if changes:
            privileges.grant()
            restored.renumber_transactions()
            if not options["app_label"]:
                Workflow.objects.install_shipped()
        return done
