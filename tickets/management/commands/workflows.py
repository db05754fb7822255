"""`manage.py workflows check|install FILE`, `workflows move-tickets NAME`, `workflows checks|schema`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base
from tickets.gates import catalogue, plugins
from tickets.models import Workflow
from tickets.models.ticket.version_batch import Followed, candidates, follow_each
from tickets.models.ticket.version_change import VersionChange, previews
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

        move = add(
            "move-tickets",
            act=self.move_tickets,
            show=self.show_moved,
            help="let open tickets go on under another version of their workflow, each with an answer",
        )
        move.add_argument("name", metavar="NAME", help="the workflow")
        move.add_argument("tickets", metavar="TICKET", nargs="*", help="these tickets; without any, all")
        move.add_argument("--to", type=int, metavar="VERSION", help="without it, the version in force")
        move.add_argument("--project", default="", metavar="KEY", help="only tickets of this project")
        move.add_argument("--reason", default="", help="why; their history shows it")
        move.add_argument("--dry-run", action="store_true", help="say what would happen; change nothing")
        checks = add("checks", act=self.checks, show=self.show_checks, help="list the gate checks")
        checks.add_argument("--markdown", action="store_true", help="as the page docs/checks.md")
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

    def move_tickets(
        self,
        *,
        name: str,
        tickets: list[str],
        to: int | None,
        project: str,
        reason: str,
        dry_run: bool,
        **_: Any,
    ) -> command_base.Document:
        target = Workflow.objects.version(name, to) if to else Workflow.objects.latest_of(name, field="name")
        found = candidates(target, by=command_base.BY, project=project, keys=tickets)
        return {
            "name": target.name,
            "to": target.version,
            "dry_run": dry_run,
            "tickets": list(map(looked_at, previews(list(found), target)))
            if dry_run
            else [done(one) for one in follow_each(list(found), target, by=command_base.BY, reason=reason)],
        }

    def failed(self, document: command_base.Document) -> bool:
        """A ticket that was refused."""
        return not document.get("dry_run") and any(row["refused"] for row in document.get("tickets", ()))

    def show_moved(self, document: command_base.Document) -> None:
        for row in document["tickets"]:
            words = row["refused"] or (
                f"{'would go' if document['dry_run'] else 'goes'} on under version {document['to']};"
                f" its gate {'opens' if row['opens'] else 'stays closed'}"
            )
            self.stdout.write(f"{row['ticket']} in {row['phase']}, version {row['from']}: {words}")
        if not document["tickets"]:
            self.stdout.write(f"All open tickets are on version {document['to']}.")

    def checks(self, *, markdown: bool, **_: Any) -> command_base.Document:
        self.markdown = markdown
        return {"checks": catalogue.documents(), "left_out": plugins.faults}

    def show_checks(self, document: command_base.Document) -> None:
        if self.markdown:
            self.stdout.write(catalogue.markdown(), ending="")
            return
        for check in document["checks"]:
            self.stdout.write(f"{check['name']}: {check['description']}")
        for fault in document["left_out"]:
            self.stderr.write(f"Left out: {fault}")

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


def looked_at(change: VersionChange) -> dict[str, Any]:
    """What would become of a ticket."""
    ticket, refused = change.ticket, change.refused
    return {
        "ticket": ticket.key,
        "phase": ticket.phase,
        "from": ticket.workflow.version,
        "refused": f"{refused.message}. {refused.next_action}".strip() if refused else "",
        "opens": change.opens and not refused,
    }


def done(followed: Followed) -> dict[str, Any]:
    """What became of a ticket."""
    ticket, refused, verdict = followed.ticket, followed.refused, followed.verdict
    return {
        "ticket": ticket.key,
        "phase": ticket.phase,
        "from": ticket.workflow.version,
        "refused": f"{refused.message}. {refused.next_action}".strip() if refused else "",
        "opens": not refused and (verdict is None or verdict.passed),
    }
