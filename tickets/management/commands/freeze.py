"""`manage.py freeze`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base
from omoi_site.command_base import Document
from tickets.management.lookups import the_project
from tickets.models import Freeze
from tickets.models.freeze import sentences
from tickets.models.freeze.freeze import Frozen, shown


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
        row = next((each for each in document["freezes"] if each["project"] == key), None)
        if row and not document["new"]:
            first = {name: row[name] for name in ("since", "by", "reason")}
            self.stdout.write(sentences.frozen_already(key or "", now=timezone.now(), **first))
        frozen = Frozen(*(document[name] for name in ("still_open", "stopped", "new")))
        again = "Run this again to wait for what is left."
        for line in sentences.outcome(key or "", frozen, again=again):
            self.stdout.write(line)
