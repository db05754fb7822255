"""`manage.py dev`: what `up` does, for who works on the code."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandError

from omoi_site.management.commands import up
from omoi_site.processes.code_changes import CodeChanges
from omoi_site.setup import exposure

# What a role that starts again would keep us waiting for; the environment may say otherwise.
HURRIED = {"OMOI_DRAIN_S": "0", "OMOI_WORKER_GRACE_S": "1"}


class Command(up.Command):
    help = (
        "Run everything for development, on loopback only: code that changes starts web,"
        " worker and clock again, `?sql` shows the SQL of a request, and a page that asks the database row"
        " by row fails."
    )

    def handle(self, *, host: str, **options: Any) -> None:
        if not exposure.is_loopback(host):
            raise CommandError(
                f"Not served on {host or 'all addresses'}: `dev` shows code, settings and SQL."
                " Use --host 127.0.0.1, or `up` for others."
            )
        os.environ.update(
            {"OMOI_DEV": "1"} | {name: os.environ.get(name, value) for name, value in HURRIED.items()}
        )
        self.changed = CodeChanges()
        super().handle(host=host, **options)
