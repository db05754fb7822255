"""Why a card does not move, in one line: for many tickets at once, the gravest cause of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omoi_site import db
from tickets.models import Tally, Ticket
from tickets.workflow import BLOCKED

# The nearest unmet need of each pending task of these tickets that lies in another ticket, by name.
WAITS = """
SELECT c.ticket_id AS ticket, array_agg(DISTINCT p.ticket_key) AS waits_on
FROM tickets_task c JOIN tickets_need n ON n.child_id = c.id JOIN tickets_task p ON p.id = n.parent_id
WHERE c.ticket_id = ANY (%s) AND c.state = 'pending' AND c.open_needs > 0 AND p.state IN ('pending', 'claimed') AND p.ticket_id <> c.ticket_id
GROUP BY 1
"""


@dataclass(frozen=True)
class Cause:
    """`tone` is the state it is drawn in, `icon` its sign, `text` what stands in the way."""

    tone: str
    icon: str
    text: str


def causes_of(tickets: Sequence[Ticket], tallies: Mapping[int, Tally]) -> dict[int, Cause]:
    """The cause of every one of these tickets that stands still; a ticket that moves has none."""
    found: dict[int, Cause] = {}
    waiting = []
    for ticket in tickets:
        tally = tallies.get(ticket.pk, Tally())
        if ticket.closed:
            continue
        if cause := _of_itself(ticket, tally):
            found[ticket.pk] = cause
        elif tally.standing_still:
            waiting.append(ticket.pk)
    for row in db.rows(WAITS, [waiting]) if waiting else []:
        found[row["ticket"]] = Cause("warn", "git-branch", f"Waits on {_named(row['waits_on'])}")
    return found


def _of_itself(ticket: Ticket, tally: Tally) -> Cause | None:
    if ticket.phase == BLOCKED:
        return Cause("warn", "octagon-x", f"Blocked: {ticket.blocked_reason or ticket.get_blocked_class_display()}")
    if ticket.paused:
        return Cause("warn", "circle-pause", f"Paused{f': {ticket.pause_reason}' if ticket.pause_reason else ''}")
    if tally.failed:
        return Cause("bad", "circle-x", f"{_tasks(tally.failed)} failed and {'waits' if tally.failed == 1 else 'wait'} for an operator")
    if tally.stuck:
        return Cause(
            "bad", "circle-x", f"{_tasks(tally.stuck)} cannot start: what {'it needs' if tally.stuck == 1 else 'they need'} has failed"
        )
    if not tally.total:
        return Cause("mute", "circle-dashed", "No task yet")
    return None


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"


def _named(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:2])
    return f"{shown} and {len(keys) - 2} more" if len(keys) > 2 else shown
