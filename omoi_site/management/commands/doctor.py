"""`manage.py doctor`: one line per check, with what to do about it."""

from __future__ import annotations

import contextlib
from typing import Any

from django.conf import settings

from omoi_site import command_base
from omoi_site.processes import running_server
from omoi_site.setup import doctor
from tickets.runtime import health_checks  # noqa: F401  (adds what the floors above look at)


class Command(command_base.Command):
    help = (
        "Check this machine, the database and the running server. Say what is wrong and how to fix it."
        " Change nothing."
    )
    needs_database = False

    def act(self, **_: Any) -> command_base.Document:
        results = list(doctor.findings())
        server = None
        with contextlib.suppress(OSError):  # another user's folder; its own line reports that
            server = running_server.find(settings.OMOI_HOME)
        return {
            "running": server and server["url"],
            "well": not any(finding.state == "wrong" for finding in results),
            "findings": [finding.as_dict() for finding in results],
        }

    def show(self, document: command_base.Document) -> None:
        width = max(len(finding["name"]) for finding in document["findings"])
        for finding in document["findings"]:
            self.stdout.write(doctor.text(doctor.Finding(**finding), width))
        states = [finding["state"] for finding in document["findings"]]
        wrong, attention = states.count("wrong"), states.count("attention")
        self.stdout.write(
            (
                f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
                if wrong
                else "\nNothing is wrong."
            )
            + (f" {attention} to look at." if attention else "")
        )
        if not document["running"]:
            self.stdout.write(
                f"Omoi is not running in {settings.OMOI_HOME}."
                + ("" if wrong else " Start it with `python3 manage.py up`.")
            )

    def failed(self, document: command_base.Document) -> bool:
        return not document["well"]
