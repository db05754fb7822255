"""`manage.py tickets open PROJECT TITLE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.models import Project
from omoi_site import command_base
from omoi_site.errors import NotFound
from tickets.models import Ticket, TicketSpec


class Command(command_base.Command):
    help = "Open tickets."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)("open", act=self.open, show=self.opened, help="Open a ticket.")
        add.add_argument("project", metavar="PROJECT", help="the key of its project")
        add.add_argument("title", metavar="TITLE", help="what to do, in one line")
        add.add_argument(
            "--follow-up", metavar="KEY", default="", help="the ticket that it continues, usually one in DONE"
        )
        add.add_argument("--workflow", metavar="NAME", default="", help="a workflow that the project allows")

    def open(
        self, *, project: str, title: str, follow_up: str, workflow: str, **_: Any
    ) -> command_base.Document:
        found = Project.objects.filter(key=project.upper()).first()
        if found is None:
            raise NotFound(f"there is no project {project}")
        spec = TicketSpec(title, follow_up=self.followed(follow_up), workflow=workflow or None)
        ticket = Ticket.objects.open(found, spec, by=command_base.BY)
        return {"key": ticket.key, "phase": ticket.phase, "follow_up": follow_up.upper() or None}

    @staticmethod
    def followed(key: str) -> Ticket | None:
        ticket = Ticket.objects.filter(key=key.upper()).first() if key else None
        if key and ticket is None:
            raise NotFound(f"there is no ticket {key}")
        return ticket

    def opened(self, document: command_base.Document) -> None:
        follows = f", a follow-up of {document['follow_up']}" if document["follow_up"] else ""
        self.stdout.write(f"Opened {document['key']}{follows}.")
