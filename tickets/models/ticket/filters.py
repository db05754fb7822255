"""Filters of tickets: by phase, and by the state of their tasks."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from agents.models import Locking
from tickets.models.task.readiness import READY
from tickets.models.ticket.fields import TicketFields

Row = TypeVar("Row", bound=TicketFields)

UNFINISHED = """
tickets_ticket.phase <> 'CANCELLED'
AND (tickets_ticket.phase = 'BLOCKED' OR EXISTS (
  SELECT FROM tickets_workflowphase p
  WHERE p.workflow_id = tickets_ticket.workflow_id
    AND p.name = tickets_ticket.phase
    AND p.moves_to <> '{}'
))
"""
HAS = "EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND {})"
RUNNING, TAKEABLE = HAS.format("t.state = 'claimed'"), HAS.format(READY)
FAILED = HAS.format("t.state = 'failed'")
LEFT_OPEN = HAS.format("t.state IN ('pending', 'claimed')")
STATUSES = {
    "running": RUNNING,
    "ready": TAKEABLE,
    "waiting": f"tickets_ticket.phase <> 'BLOCKED' AND NOT {RUNNING} AND NOT {TAKEABLE}",
    "failed": FAILED,
    "blocked": "tickets_ticket.phase = 'BLOCKED'",
    "paused": "tickets_ticket.paused",
}


class TicketFilters(Locking[Row]):
    def not_archived(self) -> models.QuerySet[Row]:
        """All tickets that are not archived."""
        return self.filter(archived_at=None)

    def matching(self, text: str) -> models.QuerySet[Row]:
        """Tickets with the text in their title, or at the beginning of their key, or as the id in the tool
        they were imported from.
        """
        named = models.Q(key__istartswith=text) | models.Q(source_id__iexact=text)
        return self.filter(named | models.Q(title__icontains=text))

    def unfinished(self) -> models.QuerySet[Row]:
        """Tickets that are neither cancelled nor in a last phase of their workflow, and those that are but
        still have open tasks.
        """
        return self.extra(where=[f"({UNFINISHED}) OR {LEFT_OPEN}"])

    def with_status(self, status: str) -> models.QuerySet[Row]:
        """Unfinished tickets with one of the `STATUSES`."""
        return self.extra(where=[UNFINISHED, STATUSES[status]])
