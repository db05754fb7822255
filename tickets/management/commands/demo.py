"""`manage.py demo`: what `up --demo` runs beside the others."""

from __future__ import annotations

import time
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from omoi_site import commands
from omoi_site.ready import report_ready
from tickets.demo import play, shelf

PATIENCE_S = 60.0


class Command(commands.Command):
    help = "Make the project DEMO, whose tickets workers of this machine take from BACKLOG to DONE; what is there already stays as it is."

    def act(self, **_: Any) -> commands.Document:
        shelf.look_around()
        report_ready()
        shelf.lay_out()
        repository = shelf.repository()
        lost_at = float("inf")
        while True:
            try:
                project = play.open_project(repository)
                lost_at = float("inf")
                play.see_through(project)
                return {"project": project.key, "tickets": project.tickets.count(), "repository": project.repository}
            except (OperationalError, InterfaceError):  # it is started again
                lost_at = min(lost_at, time.monotonic())
                if time.monotonic() > lost_at + PATIENCE_S:
                    raise
                connection.close()
                time.sleep(1)

    def tell(self, document: commands.Document) -> None:
        self.stdout.write("{tickets} tickets of {project} are on their way; their code is in {repository}.".format(**document))
