"""What each decision about a ticket is worth now, as the database works it out."""

from __future__ import annotations

from typing import NamedTuple

from omoi_site.database import sql
from tickets.models.ticket.fields import TicketFields

COUNTS = "counts"
STATES = {
    COUNTS: "",
    "stands": "",
    "moved": "the ticket has moved since",
    "workflow_changed": "the ticket follows another version of its workflow since",
    "evidence_changed": "the evidence has changed since",
    "overruled": "somebody rejected it or requested changes since",
    "expired": "it has expired",
    "role_lost": "the person no longer has the role",
    "author": "the person is an author, and somebody else could approve",
}
ASKED = "SELECT id, state FROM omoi_decisions(%s, %s)"
DECIDED = """
SELECT a.decision, a."by", a.reason, d.state = 'counts'
FROM omoi_decisions(%s, %s) d
JOIN tickets_approval a ON a.id = d.id
WHERE d.state IN ('counts', 'stands')
ORDER BY a.id
"""
LEFT = sql.statement(__file__, "approvers_left")


class Decided(NamedTuple):
    """A decision. `counts`: it is an approval; else a refusal that stands."""

    decision: str
    by: str
    reason: str
    counts: bool


def states(ticket: int, phase: str) -> dict[int, str]:
    """The state of every decision about the ticket by its id, for its present phase: one of STATES."""
    return dict(sql.tuples(ASKED, [ticket, phase]))


def decided(ticket: int, phase: str) -> list[Decided]:
    """The decisions about what the ticket shows now that count or stand, in order."""
    return [Decided(*row) for row in sql.tuples(DECIDED, [ticket, phase])]


def approvers_left(ticket: int, phase: str) -> int:
    """How many people could approve and have not."""
    [(count,)] = sql.tuples(LEFT, {"ticket": ticket, "phase": phase})
    return int(count)


def evidence_shown(ticket: TicketFields) -> str:
    """The digest of what the ticket shows to somebody who reads this row; whoever decides names it as what
    they saw. A text that has changed since the row was read is not what they saw.
    """
    row = [ticket.pk, ticket.phase, ticket.text_changes]
    [(digest,)] = sql.tuples("SELECT omoi_shown(%s, %s, %s::int)", row)
    return str(digest)
