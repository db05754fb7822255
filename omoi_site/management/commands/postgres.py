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
from omoi_site.setup import paths, secrets


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
        address = location.url(str(paths.socket_folder(home)), "omoi", "omoi", secrets.read(home, "password"))
        self.stdout.write(f"PostgreSQL is ready: DATABASE_URL={address}")
        self.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
        server.stop()
