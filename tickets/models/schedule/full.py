"""Whether a project has no room for another ticket now, and why."""

from __future__ import annotations

from agents.models import Project
from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models.explain.sql_fragments import limited_of
from tickets.models.ticket import room
from tickets.models.workflow import Workflow

AT_WORK = f"""
WITH {limited_of("SELECT %(project)s::bigint")}
SELECT l.max_tickets
FROM limited l
WHERE l.tickets_full IS NOT NULL
"""


def full(project: Project, workflow: Workflow) -> str:
    """Why no ticket that follows this workflow is opened by itself now; empty if there is room.

    As many tickets are at work as the project allows, or the phase that it begins in, or that its work begins
    in, is full.
    """
    if row := sql.one(AT_WORK, {"project": project.pk}):
        return f"{project} has {counted(row['max_tickets'], 'ticket')} at work, as many as it allows"
    plan = workflow.plan
    begins = {plan.start, plan.works_in(plan.start)}
    for limit in room.limits(project.pk, [workflow]):
        if limit.phase in begins and limit.full:
            return (
                f"{humanize.phase(limit.phase)} is full: it has {counted(limit.limit, 'ticket')}, as many as"
                f" {limit.workflow} allows"
            )
    return ""
