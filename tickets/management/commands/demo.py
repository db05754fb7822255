"""`manage.py demo`: the process that `up --demo` adds."""

from __future__ import annotations

import time
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from omoi_site import command_base
from omoi_site.processes.ready_signal import report_ready
from tickets.demo import scenario, workspace

PATIENCE_S = 60.0


class Command(command_base.Command):
    help = (
        "Create the project DEMO. Workers on this machine take its tickets from BACKLOG to DONE."
        " What exists already is not changed."
    )

    def act(self, **_: Any) -> command_base.Document:
        workspace.check_requirements()
        report_ready()
        workspace.lay_out()
        repository = workspace.repository()
        lost_at = float("inf")
        while True:
            try:
                project = scenario.open_project(repository)
                lost_at = float("inf")
                scenario.see_through(project)
                return {
                    "project": project.key,
                    "tickets": project.tickets.count(),
                    "open": project.tickets.unfinished().count(),
                    "repository": project.repository,
                }
            except (OperationalError, InterfaceError):  # the supervisor starts it again
                lost_at = min(lost_at, time.monotonic())
                if time.monotonic() > lost_at + PATIENCE_S:
                    raise
                connection.close()
                time.sleep(1)

    def show(self, document: command_base.Document) -> None:
        left = document["open"]
        state = f"{left} of them {'is' if left == 1 else 'are'} open" if left else "the demo has ended"
        self.stdout.write(
            "{project} has {tickets} tickets: {state}. Their code is in {repository}.".format(
                **document, state=state
            )
        )
