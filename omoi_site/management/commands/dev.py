"""`manage.py dev`: `up` for work on the code."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandError

from omoi_site.management.commands import up
from omoi_site.processes.code_changes import CodeChanges
from omoi_site.setup import exposure

# Short waits, so that a role restarts quickly; the environment may set others.
HURRIED = {"OMOI_DRAIN_S": "0", "OMOI_WORKER_GRACE_S": "1"}


class Command(up.Command):
    help = (
        "Run everything for development, on loopback only. A change of the code restarts web, worker"
        " and clock, `?sql` shows the SQL of a request, and a page that queries the database once per"
        " row fails."
    )

    def handle(self, *, host: str, **options: Any) -> None:
        if not exposure.is_loopback(host):
            raise CommandError(
                f"Not served on {host or 'all addresses'}: `dev` shows code, settings and SQL."
                " Use --host 127.0.0.1, or run `up` instead."
            )
        os.environ.update(
            {"OMOI_DEV": "1"} | {name: os.environ.get(name, value) for name, value in HURRIED.items()}
        )
        self.changed = CodeChanges()
        super().handle(host=host, **options)
