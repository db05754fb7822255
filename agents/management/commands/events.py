"""`manage.py events kinds`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.models import event_kinds
from omoi_site import command_base


class Command(command_base.Command):
    help = "List the kinds of events in the journal."
    needs_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        self.verbs(parser)("kinds", act=self.kinds, show=self.show, help="what each kind tells")

    def kinds(self, **_: Any) -> command_base.Document:
        return {"kinds": event_kinds.declared()}

    def show(self, document: command_base.Document) -> None:
        longest = max(map(len, document["kinds"]))
        for kind, text in document["kinds"].items():
            self.stdout.write(f"{kind:{longest}}  {text}")
