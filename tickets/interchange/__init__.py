"""Imports work from other tools: a format reads a file, and `import_backlog` adds what is new.

The whole file is read and checked before anything is written, and everything is written in one transaction.
After any fault, nothing is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from django.db import transaction

from agents.models import Project, rights
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.interchange import beads, wfformat
from tickets.interchange.backlog import ParsedBacklog
from tickets.interchange.report import Report
from tickets.interchange.wfformat import ParsedWorkflow
from tickets.models import Workflow
from tickets.models.ticket.transitions import WRITE

__all__ = ["FORMATS", "WORKFLOW", "Parsed", "Report", "import_parsed", "read", "run"]

Parsed = ParsedBacklog | ParsedWorkflow
FORMATS: dict[str, Callable[[BinaryIO], Parsed]] = {"beads": beads.read, "wfformat": wfformat.read}
WORKFLOW = "simple"


def run(
    format: str,
    file: BinaryIO,
    *,
    project: Project,
    by: Any,
    dry_run: bool = False,
    workflow: str = "",
) -> Report:
    """Import a binary file into a project and return a report. With `dry_run` all changes are rolled back at
    the end.

    Tickets follow `workflow`, by default `simple`, if the project allows it. Raises Forbidden if `by` may not
    create tickets there, before it reads the file, or if the file has finished work and they may not create
    tickets past the first phase. Raises Malformed, Invalid, TooLarge or Cycle, which name the line or the
    edge.
    """
    rights.require(by, WRITE, project)  # reading a large file takes seconds
    return import_parsed(read(format, file), project=project, by=by, dry_run=dry_run, workflow=workflow)


def read(format: str, file: BinaryIO) -> Parsed:
    """The first half: read and check the whole file."""
    if format not in FORMATS:
        raise Invalid(f"there is no importer for {format}; formats: {', '.join(FORMATS)}", field="format")
    return FORMATS[format](file)


@sql.atomic
def import_parsed(
    parsed: Parsed,
    *,
    project: Project,
    by: Any,
    dry_run: bool = False,
    workflow: str = "",
    watch: Callable[[int], None] = lambda made: None,
) -> Report:
    """The second half: write what is new. `watch` is called now and then with the number of tickets
    created.
    """
    followed = Workflow.objects.of_project(project, workflow or WORKFLOW)
    result = parsed.import_into(project=project, workflow=followed, by=by, watch=watch)
    transaction.set_rollback(dry_run)
    return Report(parsed.source, project.key, dry_run, parsed, result)
