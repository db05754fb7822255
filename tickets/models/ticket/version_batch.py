"""Several tickets go on under another version of their workflow, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.models import Actor
from omoi_site import field_limits
from omoi_site.errors import OmoiError
from tickets.models.gate.verdict import Verdict
from tickets.models.ticket.ticket import Ticket, TicketQuerySet
from tickets.models.workflow import Workflow
from tickets.workflows.document import BLOCKED

TOGETHER = 20  # tickets that are previewed and changed at once on a page, as each gate is read


@dataclass(frozen=True)
class Followed:
    """What became of one ticket: `refused`, or it follows the version and has this verdict on its gate."""

    ticket: Ticket
    refused: OmoiError | None = None
    verdict: Verdict | None = None


def candidates(target: Workflow, *, by: Actor, project: str = "", keys: Sequence[str] = ()) -> TicketQuerySet:
    """The open tickets on other versions of this workflow, of the projects that `by` sees."""
    versions = list(Workflow.objects.filter(name=target.name).exclude(pk=target.pk).defer("source"))
    open_phases = {phase.name for version in versions for phase in version.plan.phases if not phase.terminal}
    found = Ticket.objects.seen_by(by).filter(
        workflow__in=versions, phase__in=[*open_phases, BLOCKED], archived_at__isnull=True
    )
    if project:
        found = found.filter(project__key=project.upper())
    if keys:
        found = found.filter(key__in=[key.upper() for key in keys])
    return found.select_related("workflow", "project").order_by("id")


def follow_each(
    tickets: Sequence[Ticket], target: Workflow, *, by: Actor, reason: str = ""
) -> list[Followed]:
    """Let each of these tickets go on under the version; one that is refused does not stop the others.
    Raises Invalid, with nothing changed, for a reason that is too long.
    """
    reason, done = field_limits.reason(reason), []
    for ticket in tickets:
        try:
            verdict = Ticket.objects.follow(ticket.pk, target.version, by=by, reason=reason)
        except OmoiError as refused:
            refused.leave_trace()
            done.append(Followed(ticket, refused))
        else:
            done.append(Followed(ticket, verdict=verdict))
    return done
