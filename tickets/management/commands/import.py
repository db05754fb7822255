"""`manage.py import FORMAT FILE --project KEY`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from agents.models import Project, ProjectSpec
from omoi_site import command_base
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets import interchange
from tickets.models import Workflow

SHOWN = 50  # edges, changes and warnings; --json lists all


class Command(command_base.Command):
    help = (
        "Import the work of another tool. What was imported before is not changed;"
        " a second import adds only what is new."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "format",
            metavar="FORMAT",
            choices=list(interchange.FORMATS),
            help=f"one of {', '.join(interchange.FORMATS)}",
        )
        parser.add_argument("file", metavar="FILE", help="`-` reads standard input")
        parser.add_argument("--project", required=True, metavar="KEY", help="created if it does not exist")
        parser.add_argument(
            "--workflow",
            default="",
            metavar="NAME",
            help=f"the workflow its tickets follow ({interchange.WORKFLOW})",
        )
        parser.add_argument("--dry-run", action="store_true", help="check and report, but change nothing")

    def act(self, *, format: str, file: str, project: str, **how: Any) -> command_base.Document:
        with command_base.opened(file) as source:
            parsed = interchange.read(format, source)
        with command_base.progress(total=len(parsed.items), unit=" items") as bar:
            return import_file(
                parsed, project, how["workflow"], how["dry_run"], watch=lambda made: bar.update(made - bar.n)
            )

    def show(self, report: command_base.Document) -> None:
        say, tickets, skipped = self.stdout.write, report["tickets"], report["skipped"]
        say(
            f"{report['project']}: {counted(tickets['new'], 'new ticket')} ({tickets['known']} imported"
            " before), "
            + ", ".join(
                counted(report[f"{what}s"], what) for what in ("task", "need", "parent", "link", "comment")
            )
            + (
                f", {counted(report['external_refs'], 'external reference')}"
                if report["external_refs"]
                else ""
            )
            + "."
        )
        if tickets["new"]:
            kinds = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in report["paused"].items())
            say(
                f"Ready to claim: {counted(report['ready'], 'task')}."
                f" Paused until somebody resumes them: {counted(sum(report['paused'].values()), 'ticket')}"
                f"{f' ({kinds})' if kinds else ''}."
            )
        if skipped["rows"]:
            kinds = ", ".join(f"{count} {kind}" for kind, count in skipped["rows"].items())
            say(f"Left out: {counted(sum(skipped['rows'].values()), 'row')} that are not work: {kinds}.")
        self.edges(skipped, "Left out", "deleted or not work")
        self.edges(report["awaited"], "Waiting", "not imported yet")
        if report["closed"]:
            say(f"Completed: {counted(report['closed'], 'edge')} whose other end is now imported.")
        if report["left_out"]:
            say(
                "Fields not imported: "
                + ", ".join(f"{name} ({count})" for name, count in report["left_out"].items())
                + "."
            )
        if report["changed"]:
            say(
                f"Changed in the file since: {counted(tickets['changed'], 'ticket')}. They were not"
                " updated here."
            )
            self.some(
                f"{changed['ticket']} ({changed['id']}): {', '.join(changed['fields'])}"
                for changed in report["changed"]
            )
        if report["warnings"]:
            say("Note:")
            self.some(report["warnings"])
        if report["dry_run"]:
            say("A dry run: nothing was changed.")

    def edges(self, edges: Any, what: str, where: str) -> None:
        if edges["edges"]:
            kinds = ", ".join(f"{count} {kind}" for kind, count in edges["by_kind"].items())
            self.stdout.write(
                f"{what}: {counted(edges['edges'], 'edge')} to {counted(edges['ids'], 'id')}, {where}:"
                f" {kinds}."
            )
            order = sorted(edges["list"], key=lambda edge: list(edges["by_kind"]).index(edge["kind"]))
            self.some(f"{edge['kind']}: {edge['from']} -> {edge['to']}" for edge in order)

    def some(self, lines: Any) -> None:
        lines = list(lines)
        for line in lines[:SHOWN]:
            self.stdout.write(f"  {line}")
        if len(lines) > SHOWN:
            self.stdout.write(f"  … and {len(lines) - SHOWN} more; --json lists all")


@sql.atomic  # a project created for a refused import or a dry run is rolled back too
def import_file(
    parsed: interchange.Parsed, key: str, workflow: str, dry_run: bool, watch: Callable[[int], None]
) -> command_base.Document:
    project = Project.objects.filter(key=key).first()
    if project is None:
        followed = Workflow.objects.latest_of(workflow or interchange.WORKFLOW)
        project = Project.objects.create_project(ProjectSpec(key, workflow=followed.name), by=command_base.BY)
    report = interchange.import_parsed(
        parsed, project=project, by=command_base.BY, workflow=workflow, dry_run=dry_run, watch=watch
    )
    transaction.set_rollback(dry_run)
    return report.as_dict()
