"""Who uses which workflow: projects, and their open tickets by version; and how a project takes another."""

from __future__ import annotations

from typing import NamedTuple

from agents.models import Actor, Project
from omoi_site.database import sql
from tickets.models.workflow import Workflow, allowed

USAGE = sql.statement(__file__, "workflow_usage")
COUNTED = 10_000  # tickets of a version in a phase


class Usage(NamedTuple):
    """The open tickets of a project on a version of a workflow. `more`: there are more than were counted."""

    name: str
    version: int
    project: str
    tickets: int
    more: bool


def usage(by: Actor, name: str = "") -> list[Usage]:
    """The tickets that are neither done, cancelled nor archived, of the projects that `by` sees; of one
    workflow, or of all. The newest version first.
    """
    seen = list(Project.objects.seen_by(by).values_list("pk", flat=True))
    return [Usage._make(row) for row in sql.tuples(USAGE, {"name": name, "projects": seen, "most": COUNTED})]


def followers(by: Actor) -> dict[str, list[str]]:
    """By workflow: the keys of the projects seen by `by` whose new tickets follow it."""
    found: dict[str, list[str]] = {}
    for key, own, others in (
        Project.objects.seen_by(by).order_by("key").values_list("key", "workflow", "workflows")
    ):
        for name in allowed(own, others):
            found.setdefault(name, []).append(key)
    return found


def take(workflow: Workflow, project: Project, *, by: Actor) -> None:
    """Let new tickets of the project follow this workflow. Those that it had before stay allowed."""
    with Project.objects.locked(pk=project.pk) as row:
        others = [name for name in allowed(row.workflow, row.workflows) if name != workflow.name]
        row.edit(by=by, workflow=workflow.name, workflows=others)
