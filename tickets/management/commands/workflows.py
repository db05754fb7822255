"""`manage.py workflows check FILE`, `manage.py workflows install FILE`, `manage.py workflows schema`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base
from tickets.models import Workflow
from tickets.workflows import document as documents
from tickets.workflows import plain_yaml


class Command(command_base.Command):
    help = (
        "Check a workflow document, install it as the next version of its name, or print the JSON Schema"
        " of documents."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        for verb, act, help in (
            ("check", self.check_file, "list all faults of a document; change nothing"),
            ("install", self.install, "store a document; new tickets follow it"),
        ):
            add(verb, act=act, show=self.show, help=help).add_argument(
                "file", metavar="FILE", help="YAML or JSON; `-` reads standard input"
            )

        add("schema", act=self.schema, show=self.show_schema, help="print the JSON Schema, for editors")

    def check_file(self, *, file: str, **_: Any) -> command_base.Document:
        with command_base.opened(file) as source:
            plan = Workflow.objects.checked(source.read(plain_yaml.LONGEST + 1))
        return {
            "name": plan.name,
            "start": plan.start,
            "phases": [phase.name for phase in plan.phases],
            "left_out": list(plan.left_out),
        }

    def install(self, *, file: str, **_: Any) -> command_base.Document:
        with command_base.opened(file) as source:
            text = source.read(plain_yaml.LONGEST + 1)
            stored = Workflow.objects.install(text, by=command_base.BY)
        return {
            "name": stored.name,
            "version": stored.version,
            "phases": [phase.name for phase in stored.plan.phases],
            "left_out": list(documents.read(text).left_out),
        }

    def schema(self, **_: Any) -> command_base.Document:
        return documents.schema()

    def show(self, document: command_base.Document) -> None:
        what = (
            f"version {document['version']} is installed"
            if "version" in document
            else "the document is valid"
        )
        self.stdout.write(f"{document['name']}: {what}: {' -> '.join(document['phases'])}.")
        if document["left_out"]:
            self.stdout.write(
                f"Left out, because Omoi has no place for it: {', '.join(document['left_out'])}."
            )

    def show_schema(self, schema: command_base.Document) -> None:
        self.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False))
