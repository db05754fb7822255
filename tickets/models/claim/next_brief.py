"""The brief of a task as its next claim would get it, for who looks at it before."""

from __future__ import annotations

from typing import Any

from omoi_site.database import sql
from tickets.models.claim.claim_sql import BRIEF, GRANTED
from tickets.models.claim.granted_claim import claim_of

NEXT = (
    f"SELECT{GRANTED},\n{BRIEF}\n"
    "FROM tickets_task t\nJOIN tickets_ticket k ON k.id = t.ticket_id\nWHERE t.id = %s"
)


def next_brief(task: int) -> dict[str, Any]:
    """Of a claimed task, the one that its holder would get now."""
    [row] = sql.rows(NEXT, [task])
    return claim_of({**row, "attempts": row["attempts"] + (row["lease_expires_at"] is None)}).brief
