"""`manage.py migrate`: Django's command, run as the owner of the database. It says how to start a server if
none runs, and also grants the application its privileges and installs the shipped documents.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from omoi_site import command_base
from omoi_site.database import privileges, restored, roles, startup
from omoi_site.errors import OmoiError
from tickets.models import Workflow


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        command_base.demand_database()
        try:
            with roles.as_owner(), startup.alone():
                return super().execute(*args, **options)
        except OmoiError as refusal:
            raise CommandError(refusal.message) from refusal

    def handle(self, *args: Any, **options: Any) -> str | None:
        done = super().handle(*args, **options)
        if not options["plan"] and not options["check_unapplied"]:
            privileges.grant()
            restored.renumber_transactions()
            if not options["app_label"]:
                Workflow.objects.install_shipped()
        return done
