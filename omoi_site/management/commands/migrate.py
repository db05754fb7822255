"""`manage.py migrate`: Django's, which without a server says how to start one."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from omoi_site import commands


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        commands.demand_database()
        return super().execute(*args, **options)
