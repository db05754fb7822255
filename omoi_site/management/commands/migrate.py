"""`manage.py migrate`: Django's command. It says how to start a server if none runs, and also installs the
shipped documents.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from omoi_site import command_base
from tickets.models import Workflow


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        command_base.demand_database()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> str | None:
        done = super().handle(*args, **options)
        if not options["app_label"] and not options["plan"] and not options["check_unapplied"]:
            Workflow.objects.install_shipped()
        return done
