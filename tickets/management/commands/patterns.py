"""`manage.py patterns list|show|check|apply|schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base, humanize
from omoi_site.errors import Invalid
from omoi_site.humanize import counted
from tickets.management.lookups import the_ticket
from tickets.models import PatternRequest, PatternRun, Priority
from tickets.models.coordination.applied import Applied, AppliedTask
from tickets.patterns import document as documents
from tickets.patterns.schema import schema
from tickets.workflows import plain_yaml

FILE_HELP = "YAML or JSON; `-` reads standard input"


class Command(command_base.Command):
    help = "List patterns, check one, or apply one to a ticket: split, sync, merge and join."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        add("list", act=self.list, show=self.listed, help="the shipped patterns")
        one = add("show", act=self.document, show=self.shown, help="a shipped pattern, as YAML")
        one.add_argument("name", metavar="NAME")
        check = add("check", act=self.check_file, show=self.checked, help="list all faults of a document")
        check.add_argument("file", metavar="FILE", help=FILE_HELP)
        apply = add("apply", act=self.apply, show=self.applied, help="add the tasks of a pattern to a ticket")
        apply.add_argument("ticket", metavar="TICKET")
        apply.add_argument("pattern", metavar="PATTERN", help=f"a shipped pattern, or a file: {FILE_HELP}")
        apply.add_argument(
            "--key",
            default="",
            metavar="KEY",
            help="the same key again adds nothing again (default: the pattern)",
        )
        for name, what in (("argument", "NAME=VALUE"), ("phase", "THERE=HERE")):
            apply.add_argument(f"--{name}", action="append", default=[], metavar=what)
        apply.add_argument("--dry-run", action="store_true", help="say what would be added; change nothing")
        add("schema", act=self.schema, show=self.show_schema, help="print the JSON Schema, for editors")

    def list(self, **_: Any) -> command_base.Document:
        return {
            "patterns": [
                {"name": one.name, "description": one.description, "arguments": one.arguments}
                for one in documents.shipped()
            ]
        }

    def listed(self, document: command_base.Document) -> None:
        for one in document["patterns"]:
            self.stdout.write(f"{one['name']} ({', '.join(one['arguments'])})")
            self.stdout.write(f"  {' '.join(one['description'].split())}")

    def document(self, *, name: str, **_: Any) -> command_base.Document:
        pattern = documents.named(name)
        self.text = pattern.parsed.text if pattern.parsed else ""
        return {"name": pattern.name, "arguments": pattern.arguments, "document": pattern.document}

    def shown(self, document: command_base.Document) -> None:
        self.stdout.write(self.text, ending="")

    def check_file(self, *, file: str, **_: Any) -> command_base.Document:
        pattern = read(file)
        return {"name": pattern.name, "arguments": pattern.arguments}

    def checked(self, document: command_base.Document) -> None:
        arguments = ", ".join(document["arguments"]) or "none"
        self.stdout.write(f"{document['name']}: the document is valid. Its arguments: {arguments}.")

    def apply(
        self, *, ticket: str, pattern: str, key: str, dry_run: bool, **options: Any
    ) -> command_base.Document:
        row = the_ticket(ticket)
        shipped = pattern in [one.name for one in documents.shipped()]
        asked = PatternRequest(
            pattern if shipped else read(pattern).document,
            key or (pattern if shipped else Path(pattern).stem),
            pairs(options["argument"], "argument"),
            pairs(options["phase"], "phase"),
        )
        if dry_run:
            return document_of(
                row.key, PatternRun.objects.preview(row, asked, by=command_base.BY), dry_run=True
            )
        made, new = PatternRun.objects.apply(row, asked, by=command_base.BY)
        return {**document_of(row.key, made), "new": new}

    def applied(self, document: command_base.Document) -> None:
        needs: dict[str, list[str]] = {}
        for edge in document["edges"]:
            needs.setdefault(edge["task"], []).append(edge["needs"])
        for task in document["tasks"]:
            place = f"{task['key'] or task['name']}: {task['title']} ({humanize.phase(task['phase'])})"
            after = ", ".join(needs.get(task["name"], []))
            self.stdout.write(f"{place}{f', after {after}' if after else ''}")
        added = counted(len(document["tasks"]), "task")
        if document["dry_run"]:
            self.stdout.write(f"{added} would be added to {document['ticket']}.")
        elif document["new"]:
            were = "was" if len(document["tasks"]) == 1 else "were"
            self.stdout.write(f"{added} {were} added to {document['ticket']}.")
        else:
            self.stdout.write(f"The key {document['key']} was applied before: nothing was added again.")

    def schema(self, **_: Any) -> command_base.Document:
        return schema()

    def show_schema(self, schema: command_base.Document) -> None:
        self.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False))


def read(file: str) -> documents.Pattern:
    with command_base.opened(file) as source:
        return documents.read(source.read(plain_yaml.LONGEST + 1))


def pairs(texts: list[str], what: str) -> dict[str, str]:
    """`NAME=VALUE` each."""
    for text in texts:
        if "=" not in text:
            raise Invalid(f"--{what} {text}: write NAME=VALUE", field=what)
    return dict(text.split("=", 1) for text in texts)


def document_of(ticket: str, made: Applied, *, dry_run: bool = False) -> command_base.Document:
    return {
        "ticket": ticket,
        "key": made.key,
        "pattern": made.pattern,
        "dry_run": dry_run,
        "tasks": [
            {
                "id": task.pk and str(task.pk),
                **without_pk(task),
                "priority": Priority(task.priority).name.lower(),
            }
            for task in made.tasks
        ],
        "edges": [vars(edge) for edge in made.edges],
    }


def without_pk(task: AppliedTask) -> command_base.Document:
    return {name: value for name, value in vars(task).items() if name != "pk"}
