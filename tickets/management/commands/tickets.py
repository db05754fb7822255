"""`manage.py tickets open PROJECT TITLE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base
from tickets.management.lookups import the_project, the_ticket
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
        followed = the_ticket(follow_up) if follow_up else None
        spec = TicketSpec(title, follow_up=followed, workflow=workflow or None)
        ticket = Ticket.objects.open(the_project(project), spec, by=command_base.BY)
        return {"key": ticket.key, "phase": ticket.phase, "follow_up": followed.key if followed else None}

    def opened(self, document: command_base.Document) -> None:
        follows = f", a follow-up of {document['follow_up']}" if document["follow_up"] else ""
        self.stdout.write(f"Opened {document['key']}{follows}.")
