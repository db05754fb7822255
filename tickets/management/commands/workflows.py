"""`manage.py workflows check FILE`, `manage.py workflows install FILE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base
from tickets.models import Workflow


class Command(command_base.Command):
    help = "Check a workflow document, or install it as the next version of its name."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        for verb, act, help in (
            ("check", self.check_file, "list all faults of a document; change nothing"),
            ("install", self.install, "store a document; new tickets follow it"),
        ):
            add(verb, act=act, show=self.show, help=help).add_argument(
                "file", metavar="FILE", help="YAML or JSON; `-` reads standard input"
            )

    def check_file(self, *, file: str, **_: Any) -> command_base.Document:
        with command_base.opened(file) as source:
            plan = Workflow.objects.checked(source.read())
        return {"name": plan.name, "start": plan.start, "phases": [phase.name for phase in plan.phases]}

    def install(self, *, file: str, **_: Any) -> command_base.Document:
        with command_base.opened(file) as source:
            stored = Workflow.objects.install(source.read(), by=command_base.BY)
        return {
            "name": stored.name,
            "version": stored.version,
            "phases": [phase.name for phase in stored.plan.phases],
        }

    def show(self, document: command_base.Document) -> None:
        what = (
            f"version {document['version']} is installed"
            if "version" in document
            else "the document is valid"
        )
        self.stdout.write(f"{document['name']}: {what}: {' -> '.join(document['phases'])}.")
