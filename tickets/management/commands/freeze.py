"""`manage.py freeze`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base, humanize
from omoi_site.command_base import Document
from tickets.management.lookups import the_project
from tickets.models import Freeze
from tickets.models.explain.sentences import counted
from tickets.models.freeze.freeze import shown


class Command(command_base.Command):
    help = "Freeze everything, or one project: nothing is granted and nothing moves by itself until `thaw`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", metavar="KEY", nargs="?", default="", help="only this project")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; everybody sees it")
        parser.add_argument(
            "--stop-held",
            action="store_true",
            help="take back what agents hold, at no cost of an attempt; they are told to stop",
        )

    def act(self, *, project: str, reason: str, stop_held: bool, **_: Any) -> Document:
        which = the_project(project) if project else None
        frozen = Freeze.objects.freeze(which, by=command_base.BY, reason=reason, stop_held=stop_held)
        return {
            "freezes": shown(command_base.BY),
            "in_force": frozen.in_force,
            "still_open": frozen.still_open,
            "stopped": frozen.stopped,
            "new": frozen.new,
            "project": which and which.key,
        }

    def show(self, document: Document) -> None:
        key = document["project"]
        what = f"Project {key}" if key else "Everything"
        row = next((each for each in document["freezes"] if each["project"] == key), None)
        if row and not document["new"]:
            since = humanize.relative(row["since"], timezone.now())
            self.stdout.write(
                f"{what} was frozen already, {since} by {humanize.actor(row['by'])}. The first reason stays:"
                f" {row['reason']}"
            )
        if document["in_force"]:
            inside = f" in {key}" if key else ""
            self.stdout.write(f"{what} is frozen. Nothing is granted{inside} any more.")
        else:
            open_yet = counted("transaction", document["still_open"])
            self.stdout.write(
                f"{what} is frozen. But {open_yet} began before and may still be committed."
                " Run this again to wait for what is left."
            )
        if document["stopped"]:
            self.stdout.write(f"{counted('claim', document['stopped'])} taken back.")
