"""How a ticket stands, asked of many at once: by its phase and by the tasks it has."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from tickets.models.standstill import STALLED
from tickets.obstacles import READY

Row = TypeVar("Row", bound=models.Model)

UNFINISHED = """
tickets_ticket.phase <> 'CANCELLED' AND (tickets_ticket.phase = 'BLOCKED' OR EXISTS (
  SELECT FROM tickets_workflowphase p WHERE p.workflow_id = tickets_ticket.workflow_id AND p.name = tickets_ticket.phase AND p.moves_to <> '{}'))
"""
HAS = "EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND {})"
RUNNING, TAKEABLE = HAS.format("t.state = 'claimed'"), HAS.format(READY)
WAITING = HAS.format("t.state = 'pending' AND NOT t.doomed AND (t.open_needs > 0 OR t.asleep)")
FAILED, DOOMED = HAS.format("t.state = 'failed'"), HAS.format("t.state = 'pending' AND t.doomed")
STANDINGS = {
    "running": RUNNING,
    "ready": TAKEABLE,
    "waiting": f"tickets_ticket.phase <> 'BLOCKED' AND NOT {RUNNING} AND NOT {TAKEABLE}",
    "failed": FAILED,
    "blocked": "tickets_ticket.phase = 'BLOCKED'",
    "paused": "tickets_ticket.paused",
    # somebody must decide: nothing will change by itself
    "needs_operator": f"(tickets_ticket.phase = 'BLOCKED' OR tickets_ticket.paused OR {FAILED} OR {DOOMED} OR {STALLED})",
    # nothing runs or could be taken up, and it is not waiting for other work or for its hour either
    "stuck": f"NOT {RUNNING} AND NOT {TAKEABLE} AND (tickets_ticket.phase = 'BLOCKED' OR tickets_ticket.paused OR NOT {WAITING})",
}


class Standing(models.QuerySet[Row]):
    def kept(self) -> models.QuerySet[Row]:
        """All but the archived."""
        return self.filter(archived_at=None)

    def unfinished(self) -> models.QuerySet[Row]:
        """Tickets that are neither cancelled nor in a last phase of their workflow."""
        return self.extra(where=[UNFINISHED])

    def standing(self, how: str) -> models.QuerySet[Row]:
        """Unfinished tickets by how they stand; the words of `STANDINGS`."""
        return self.extra(where=[UNFINISHED, STANDINGS[how]])
