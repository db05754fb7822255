"""`manage.py postgres`: the embedded server alone, for work by hand."""

from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from omoi_site import place, postgres, secrets


class Command(BaseCommand):
    help = "Run the embedded PostgreSQL of OMOI_HOME alone, until Ctrl-C or SIGTERM."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        ends = {signal.SIGINT, signal.SIGTERM}
        server = postgres.Server(settings.OMOI_HOME)
        try:
            server.start()
        except postgres.NoServer as refusal:
            raise CommandError(str(refusal)) from refusal
        host = str(place.socket_folder(settings.OMOI_HOME))
        address = postgres.address(host, "omoi", "omoi", secrets.read(settings.OMOI_HOME, "password"))
        self.stdout.write(f"PostgreSQL is ready: DATABASE_URL={address}")
        self.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
        server.stop()
