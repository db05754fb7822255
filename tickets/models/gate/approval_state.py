"""What each decision about a ticket is worth now, as the database works it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from omoi_site import humanize
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
DID = {"approve": "approved it", "reject": "rejected it", "request_changes": "requested changes"}
ASKED = "SELECT id, state FROM omoi_decisions(%s, %s)"
DECIDED = """
SELECT k.ticket, a.decision, a."by", a.reason, d.state = 'counts'
FROM unnest(%(tickets)s::bigint[], %(phases)s::text[]) k (ticket, phase)
CROSS JOIN LATERAL omoi_decisions(k.ticket, k.phase) d
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


def refusal(decision: Any) -> str:
    """Who refused, and why."""
    what = decision.decision.replace("_", " ").capitalize()
    return f"{what} by {humanize.actor(decision.by)}: {decision.reason}"


def states(ticket: int, phase: str) -> dict[int, str]:
    """The state of every decision about the ticket by its id, for its present phase: one of STATES."""
    return dict(sql.tuples(ASKED, [ticket, phase]))


def decided(ticket: int, phase: str) -> list[Decided]:
    """The decisions about what the ticket shows now that count or stand, in order."""
    return decided_about({ticket: phase}).get(ticket, [])


def decided_about(phases: Mapping[int, str]) -> dict[int, list[Decided]]:
    """The same of several tickets, each with the phase that it is asked about."""
    found: dict[int, list[Decided]] = {}
    for ticket, *decision in sql.tuples(DECIDED, _places(phases)):
        found.setdefault(ticket, []).append(Decided(*decision))
    return found


def approvers_left(ticket: int, phase: str) -> int:
    """How many people could approve and have not."""
    return approvers_left_of({ticket: phase}).get(ticket, 0)


def approvers_left_of(phases: Mapping[int, str]) -> dict[int, int]:
    """The same of several tickets; those of which nobody is left are not in it."""
    return dict(sql.tuples(LEFT, _places(phases)))


def _places(phases: Mapping[int, str]) -> dict[str, Any]:
    return {"tickets": list(phases), "phases": list(phases.values())}


def evidence_shown(ticket: TicketFields) -> str:
    """The digest of what the ticket shows to somebody who reads this row; whoever decides names it as what
    they saw. A text that has changed since the row was read is not what they saw.
    """
    row = [ticket.pk, ticket.phase, ticket.text_changes]
    [(digest,)] = sql.tuples("SELECT omoi_shown(%s, %s, %s::int)", row)
    return str(digest)
