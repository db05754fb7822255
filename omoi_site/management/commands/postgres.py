"""`manage.py postgres`: runs only the embedded server, for manual work."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from omoi_site.database import embedded, location
from omoi_site.errors import OmoiError
from omoi_site.processes import running_server


class Command(BaseCommand):
    help = "Run only the embedded PostgreSQL of OMOI_HOME, until Ctrl-C or SIGTERM."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        home = settings.OMOI_HOME
        try:
            with contextlib.closing(running_server.acquire_lock(home)) as lock:
                running_server.describe_holder(lock, "PostgreSQL alone")
                self.serve(home)
        except OmoiError as refusal:
            raise CommandError(str(refusal)) from refusal

    def serve(self, home: Path) -> None:
        ends = {signal.SIGINT, signal.SIGTERM}
        server = embedded.Server(home)
        server.start()
        for sentence in server.news:
            self.stdout.write(sentence)
        addresses = [
            f"{variable}={location.url(found['HOST'], found['NAME'], role, found['PASSWORD'])}"
            for variable, role in (("DATABASE_URL", location.APPLICATION), ("OMOI_OWNER_URL", location.OWNER))
            for found in [location.embedded(home, role)]
        ]
        self.stdout.write(f"PostgreSQL is ready: {' '.join(addresses)}")
        self.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
        server.stop()
