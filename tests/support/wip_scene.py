"""Tickets of a workflow whose REVIEW takes only so many: MAKE leads there by itself, and people lead on."""

from __future__ import annotations

from typing import Any

from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tickets.models import PhaseHold, Task, TaskSpec, Ticket, TicketSpec, Workflow


def reviewing(project: Any, *, review: dict[str, Any] | None = None, **wip: Any) -> Workflow:
    """The workflow `reviewing`, whose REVIEW has this `wip`, and `review` beside."""
    phases = [
        {"name": "MAKE", "to": ["REVIEW"], "automatic": "on_completion"},
        {"name": "REVIEW", "to": ["DONE", "MAKE"], "wip": wip, **(review or {})},
        {"name": "DONE", "to": []},
    ]
    return allow_workflow(project, Workflow.objects.install({"name": "reviewing", "phases": phases}))


def opened(project: Any, workflow: Workflow, count: int, *, by: Any, **more: Any) -> list[Ticket]:
    """New tickets in MAKE, each with one task there."""
    return [
        Ticket.objects.open(
            project, TicketSpec(f"ticket {n}", workflow=workflow, tasks=[TaskSpec("make", **more)]), by=by
        )
        for n in range(count)
    ]


def made(ticket: Ticket, *, by: Any) -> Ticket:
    """The ticket, once this agent has done its work: it is due for REVIEW."""
    [claim] = [each for each in Task.objects.claim(by=by, limit=by.capacity) if each.ticket_id == ticket.pk]
    complete(claim, by=by)
    return ticket


def phase_of(ticket: Ticket) -> str:
    return str(Ticket.objects.values_list("phase", flat=True).get(pk=ticket.pk))


def standing(phase: str = "REVIEW") -> int:
    return int(Ticket.objects.filter(phase=phase).count())


def watch_phases() -> int:
    """As the clock does every 5 s."""
    return PhaseHold.objects.watch(0, 2**62)


def follow_full() -> None:
    """Store which phases are full, as at the end of a transaction."""
    for when in ("IMMEDIATE", "DEFERRED"):
        sql.rows(f"SET CONSTRAINTS phase_holds, phase_holds_at_birth, count_for_lane {when}")
