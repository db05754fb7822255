"""`manage.py import FORMAT FILE --project KEY`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, BinaryIO

from django.core.management.base import CommandParser
from django.db import transaction

from agents.models import Project
from omoi_site import commands
from omoi_site.errors import NotFound
from tickets.imports import FORMATS, WORKFLOW, run
from tickets.models import Workflow

SHOWN = 50  # edges, changes and warnings; --json tells all


class Unreadable(NotFound):
    """There is no such file, or it cannot be read."""

    code = "unreadable"
    title = "The file cannot be read"


class Command(commands.Command):
    help = "Bring in the work that another tool kept. What is known already stays as it is, so a second import adds only what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("format", metavar="FORMAT", choices=list(FORMATS), help=f"one of {', '.join(FORMATS)}")
        parser.add_argument("file", metavar="FILE", help="`-` is standard input")
        parser.add_argument("--project", required=True, metavar="KEY", help="made when it is missing")
        parser.add_argument("--workflow", default="", metavar="NAME", help=f"the workflow its tickets follow ({WORKFLOW})")
        parser.add_argument("--dry-run", action="store_true", help="check and report, and change nothing")

    def act(self, *, format: str, file: str, project: str, workflow: str, dry_run: bool, **_: Any) -> commands.Document:
        with ExitStack() as stack:
            source = stack.enter_context(opened(file))
            bar = stack.enter_context(commands.progress(unit=" tickets"))
            stack.enter_context(transaction.atomic())  # a project made for an import that is refused goes with it
            into = Project.objects.filter(key=project).first() or made(project, workflow)
            report = run(
                format, source, project=into, by=commands.BY, dry_run=dry_run, workflow=workflow, watch=lambda n: bar.update(n - bar.n)
            )
            transaction.set_rollback(dry_run)
        return report.as_dict()

    def tell(self, report: commands.Document) -> None:
        say, tickets, skipped = self.stdout.write, report["tickets"], report["skipped"]
        say(
            f"{report['project']}: {tickets['new']} new tickets ({tickets['known']} known), {report['tasks']} tasks, "
            f"{report['needs']} needs, {report['parents']} parents, {report['links']} links."
        )
        if skipped["edges"]:
            kinds = ", ".join(f"{count} {kind}" for kind, count in skipped["by_kind"].items())
            say(f"Left out: {skipped['edges']} edges to {skipped['ids']} ids that are not in the file: {kinds}.")
            order = sorted(skipped["list"], key=lambda edge: list(skipped["by_kind"]).index(edge["kind"]))
            self.some(f"{edge['kind']}: {edge['from']} -> {edge['to']}" for edge in order)
        if report["left_out"]:
            say("Fields not taken over: " + ", ".join(f"{name} ({count})" for name, count in report["left_out"].items()) + ".")
        if report["changed"]:
            say(f"Known, and different in the file: {tickets['changed']}; their tickets stay as they are.")
            self.some(f"{changed['ticket']} ({changed['id']}): {', '.join(changed['fields'])}" for changed in report["changed"])
        if report["warnings"]:
            say("To know:")
            self.some(report["warnings"])
        if report["dry_run"]:
            say("A dry run: nothing was changed.")

    def some(self, lines: Any) -> None:
        lines = list(lines)
        for line in lines[:SHOWN]:
            self.stdout.write(f"  {line}")
        if len(lines) > SHOWN:
            self.stdout.write(f"  … and {len(lines) - SHOWN} more; --json tells all")


def made(key: str, workflow: str) -> Project:
    if workflow:
        Workflow.objects.latest_of(workflow)
    return Project.objects.found(key=key, workflow=workflow, by=commands.BY)


def opened(name: str) -> BinaryIO:
    try:
        return sys.stdin.buffer if name == "-" else open(name, "rb")
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror}") from error
