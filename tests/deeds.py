"""What tests do to the cast, in a word. Time moves by changing rows, never by sleeping."""

from __future__ import annotations

from typing import Any

from agents.models import Project
from omoi_site.database import sql
from tickets.models import Claim, Outcome, Settlement, Task, Workflow


def complete(claim: Claim, *, by: Any, result: Any = None) -> Settlement:
    [settled] = Task.objects.settle([Outcome(claim.task, claim.fence, "completed", result=result)], by=by)
    return settled.or_raise()


def fail(claim: Claim, *, by: Any, error: str = "broken", kind: str = "transient") -> Settlement:
    [settled] = Task.objects.settle(
        [Outcome(claim.task, claim.fence, "failed", error=error, kind=kind)], by=by
    )
    return settled.or_raise()


def lapse(claim: Claim) -> None:
    """The lease of this claim is over, and the sweep has seen it."""
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [claim.task],
    )
    assert Task.objects.lapse() == 1


def holder_of(task: Any) -> Any:
    return Task.objects.select_related("holder").get(pk=task.pk).holder


def allow(project: Project, workflow: str | Workflow) -> Workflow:
    """Let tickets of the project follow this workflow too."""
    found = Workflow.objects.latest_of(workflow) if isinstance(workflow, str) else workflow
    project.workflows = [*project.workflows, found.name]
    Project.objects.filter(pk=project.pk).update(workflows=project.workflows)
    return found
