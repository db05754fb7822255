"""What is asked of whoever settles a claim or gives it back: an agent of its key, a person of their role."""

from __future__ import annotations

from collections.abc import Sequence

from agents.models import Agent, Project, rights
from omoi_site import field_limits
from omoi_site.database import sql
from tickets.models.claim.outcome import Outcome

PROJECTS = "SELECT DISTINCT project_id AS id FROM tickets_task WHERE id = ANY (%s)"
WHY = "say why: what was done, and how that is known"


def expect_to_work(by: Agent, tasks: Sequence[int]) -> None:
    """Raise Forbidden unless `by` may work: a person in each project of these tasks, now. In a transaction, a
    key that the person used holds until its end.
    """
    if by.person is None:
        rights.require_scope(by, "work")
        return
    projects = [row["id"] for row in sql.rows(PROJECTS, [list(tasks)])]
    for project in Project.objects.filter(pk__in=projects).order_by("pk"):
        rights.require(by.person, "work", project)


def expect_reason(outcomes: Sequence[Outcome], reason: str) -> str:
    """The reason as it is stored. Raises Invalid unless a person has said of each outcome why."""
    said = all(field_limits.reason(outcome.error[: field_limits.REASON]) for outcome in outcomes)
    return field_limits.reason(reason, int(not said), WHY)
