"""Room in a phase: how many tickets its `wip` allows, and who may move one in past that limit.

The database refuses the same (`wip.sql`), also to two who move at once; here is the sentence that says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.models import Actor
from agents.models.actor import is_agent
from omoi_site import humanize
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

STANDING = "SELECT omoi_standing(%s, %s, %s::text, %s::int) AS standing"
EACH_STANDING = """
SELECT a.version, a.phase, omoi_standing(%s, a.version, a.phase, %s::int) AS standing
FROM unnest(%s::bigint[], %s::text[]) a(version, phase)
"""
COUNTED = 10_000  # tickets of a phase that are counted for a page


class PhaseFull(OmoiError):
    """As many tickets stand in the phase as its workflow allows."""

    code = "review_full"
    title = "The phase is full"


@dataclass(frozen=True)
class Limit:
    """The limit of a phase of a workflow, and how many tickets of the project stand in it."""

    workflow: str
    phase: str
    limit: int
    standing: int

    @property
    def full(self) -> bool:
        return self.standing >= self.limit


def limits(project: int, workflows: Iterable[Workflow]) -> list[Limit]:
    """The limits of the phases of these workflow versions; one statement, or none if there are no limits."""
    limited = {
        (workflow.pk, phase.name): (workflow.name, phase.wip["limit"])
        for workflow in workflows
        for phase in workflow.plan.phases
        if phase.wip
    }
    if not limited:
        return []
    versions, phases = zip(*limited, strict=True)
    rows = sql.rows(EACH_STANDING, [project, COUNTED, list(versions), list(phases)])
    return [
        Limit(name, row["phase"], limit, row["standing"])
        for row in rows
        for name, limit in [limited[row["version"], row["phase"]]]
    ]


def full_phases(ticket: Any) -> dict[str, int]:
    """The phases of its workflow that have no room, each with its limit."""
    return {each.phase: each.limit for each in limits(ticket.project_id, [ticket.workflow]) if each.full}


def room(project: int, workflow: int, plan: Plan, phase: str) -> int:
    """How many more tickets of the project may move into this phase, which has a limit."""
    limit = (plan[phase].wip or {})["limit"]
    [row] = sql.rows(STANDING, [project, workflow, phase, limit])
    return int(limit - row["standing"])


def expect_room(ticket: Any, phase: str, *, by: Actor, past_limit: bool | None = None) -> bool:
    """Whether the ticket goes into this phase past its limit, as a person asks with `past_limit`; None: that
    cannot be asked for. Raises PhaseFull if there is no room for it.
    """
    if phase not in ticket.plan or not ticket.plan[phase].wip:
        return False
    if room(ticket.project_id, ticket.workflow_id, ticket.plan, phase) > 0:
        return False
    person = not isinstance(by, str) and not is_agent(by)
    if past_limit and person:
        return True
    limit = ticket.plan[phase].wip["limit"]
    raise PhaseFull(
        f"{humanize.phase(phase)} is full: it has {limit} {'ticket' if limit == 1 else 'tickets'}, as many"
        f" as {ticket.workflow.name} allows",
        next_action=_instead(person=person, past_limit=past_limit),
    )


def _instead(*, person: bool, past_limit: bool | None) -> str:
    if past_limit is None:
        return "Move one of them on first."
    if person:
        return "Move one of them on first, or move this one in past the limit (past_limit)."
    return "Try again when one of them has moved on. Only a person may move it in past the limit."


def make_room(project: int, plan: Plan, phase: str) -> None:
    """A ticket leaves this phase: if that makes room, ask workers to look at what waits for it."""
    if phase in plan and (wip := plan[phase].wip):
        hints.send("fill_phases", [project])
        if wip.get("holds"):
            hints.send("work")
