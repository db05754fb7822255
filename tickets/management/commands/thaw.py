"""`manage.py thaw`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base
from omoi_site.command_base import Document
from tickets.management.lookups import the_project
from tickets.models import Freeze
from tickets.models.freeze.freeze import shown


class Command(command_base.Command):
    help = "End the freeze of everything, or of one project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "project",
            metavar="KEY",
            nargs="?",
            default="",
            help="only this project, also out of a freeze of everything",
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why")

    def act(self, *, project: str, reason: str, **_: Any) -> Document:
        which = the_project(project) if project else None
        Freeze.objects.thaw(which, by=command_base.BY, reason=reason)
        return {"freezes": shown(command_base.BY)}

    def show(self, document: Document) -> None:
        for freeze in document["freezes"]:
            thawed = f" (except {', '.join(freeze['thawed'])})" if freeze["thawed"] else ""
            what = freeze["project"] or f"everything{thawed}"
            self.stdout.write(f"Still frozen: {what}. {freeze['reason']}")
        if not document["freezes"]:
            self.stdout.write("Nothing is frozen.")
