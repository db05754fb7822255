"""`manage.py clock`: runs the sweeps. If several are started, one runs and the others stand by."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from omoi_site.processes.ready_signal import report_ready
from tickets.runtime.clock import Clock


class Command(BaseCommand):
    help = (
        "Run the sweeps: end lapsed claims, make due tasks ready, move tickets on. A second clock stands by."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        clock = Clock(ready=report_ready)
        # SIGINT too: a shell without job control starts background commands with SIGINT ignored
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, clock.end)
        clock.run()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
