"""Whether a ticket can go on under another version of its workflow, and what its gate would answer there.

The database refuses the same (`workflow_versions.sql`); here is the sentence that says why.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models.gate.together import CaseOfSeveral, Together
from tickets.models.gate.verdict import run_checks
from tickets.models.ticket.fields import TicketFields
from tickets.models.workflow import Workflow


class VersionNotPossible(OmoiError):
    """The ticket cannot go on under this version where it stands."""

    code = "workflow_version_not_possible"
    title = "The ticket cannot go on under this version"


@dataclass(frozen=True)
class VersionChange:
    """What changing to `target` would mean.

    refused: why it is not possible; None if it is. checks: each {check, …parameters, passed, reasons} of the
    gate of its phase under that version, as of now.
    """

    ticket: TicketFields
    target: Workflow
    refused: VersionNotPossible | None
    checks: Sequence[dict[str, Any]]

    @property
    def possible(self) -> bool:
        return self.refused is None

    @property
    def opens(self) -> bool:
        """Whether the gate would open; a phase without a gate is open."""
        return all(check["passed"] for check in self.checks)


def preview(ticket: TicketFields, target: Workflow) -> VersionChange:
    """What it would mean for the ticket to go on under this version. Nothing is stored."""
    return previews([ticket], target)[0]


def previews(tickets: Sequence[TicketFields], target: Workflow) -> list[VersionChange]:
    """What it would mean for each of these tickets, in as many statements as for one of them, unless the gate
    has checks that run later.
    """
    together = Together(tickets)
    return [_preview(ticket, target, together) for ticket in tickets]


def _preview(ticket: TicketFields, target: Workflow, together: Together) -> VersionChange:
    try:
        expect_possible(ticket, target, together)
    except VersionNotPossible as refused:
        return VersionChange(ticket, target, refused, ())
    there = copy.copy(ticket)
    there.workflow = target
    return VersionChange(ticket, target, None, run_checks(CaseOfSeveral(there, together)))


def expect_possible(ticket: TicketFields, target: Workflow, together: Together | None = None) -> None:
    """Raise VersionNotPossible, which says what to do, unless the ticket can go on under this version.
    together: tickets of which this is one, whose tasks are read at once.
    """
    own, plan, key = ticket.plan, target.plan, ticket.key
    if ticket.workflow_id == target.pk:
        raise VersionNotPossible(f"{key} is on version {target.version} already")
    if target.name != ticket.workflow.name:
        raise VersionNotPossible(f"{key} follows {ticket.workflow.name}, not {target.name}")
    if ticket.closed or ticket.archived_at:
        raise VersionNotPossible(
            f"{key} is {'archived' if ticket.archived_at else 'at its end'}, so it keeps its version",
            next_action="A follow-up ticket follows the version in force.",
        )
    phase = ticket.effective_phase
    here = humanize.phase(phase)
    if phase not in plan or plan[phase].terminal:
        what = "is a last phase" if phase in plan else "does not exist"
        raise VersionNotPossible(
            f"{key} stands in {here}, which {what} in version {target.version}",
            next_action=f"Move it to a phase that goes on there: {open_phases(own, plan)}.",
        )
    later = {other.name for other in own.phases if other.position > own[phase].position}
    before = [other.name for other in plan.phases[: plan[phase].position] if other.name in later]
    if before:
        raise VersionNotPossible(
            f"{humanize.phases(before)} come{'s' if len(before) == 1 else ''} after {here} for {key}, but"
            f" before it in version {target.version}",
            next_action=f"Move it on past {humanize.phases(before)} first.",
        )
    open_tasks = (together or Together([ticket])).open_tasks[ticket.pk]
    if phases := sorted(open_tasks - {other.name for other in plan.phases}):
        raise VersionNotPossible(
            f"{key} has open tasks of {humanize.phases(phases)}, which version {target.version} does not"
            " have",
            next_action="Complete or cancel them first.",
        )


def open_phases(own: Any, plan: Any) -> str:
    """The phases of both versions in which a ticket can change."""
    both = [phase.name for phase in plan.phases if not phase.terminal and phase.name in own]
    return humanize.phases(both) or "there is none, so it stays on its version"
