"""Which open tasks are expected after their deadline: stored with them, for the attention list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from omoi_site.database import sql
from tickets.models.estimate.estimate import Late, estimate
from tickets.models.ticket.ticket import Ticket

LITTLE_S = 300.0  # a change of an expected time that is not worth a write
DUE_TICKETS = sql.statement(__file__, "due_tickets")
NOTE_LATE = sql.statement(__file__, "note_late")


@dataclass(frozen=True)
class Place:
    """A task in the order of projects and deadlines."""

    project: int
    deadline: datetime
    id: int


START = Place(0, datetime.min.replace(tzinfo=UTC), 0)


def look(after: Place, *, limit: int, span_s: float) -> Place:
    """Look at the next `limit` tasks with a deadline: estimate the tickets of those whose deadline is to
    come, and store which tasks of these tickets are expected late. What is overdue by now is no
    longer noted as expected late. After `span_s` seconds no estimate begins, but for the first. Returns the
    place from which to go on: START after the last.
    """
    params = {"project": after.project, "deadline": after.deadline, "id": after.id, "most": limit}
    rows = sql.rows(DUE_TICKETS, params)
    until, looked = monotonic() + span_s, 0
    tickets, late, overdue = set[int](), list[Late](), list[int]()
    for row in rows:
        if row["to_come"] and row["ticket_id"] not in tickets:
            if tickets and monotonic() >= until:
                break
            tickets.add(row["ticket_id"])
            found = estimate(Ticket.objects.select_related("project", "workflow").get(pk=row["ticket_id"]))
            late += [each for each in found.late if each.deadline > found.made_at]
        elif row["noted"] and not row["to_come"]:
            overdue.append(row["id"])
        looked += 1
    if tickets or overdue:
        sql.rows(
            NOTE_LATE,
            {
                "tickets": sorted(tickets),
                "ids": [each.task for each in late],
                "times": [each.expected_at for each in late],
                "overdue": overdue,
                "little": LITTLE_S,
            },
        )
    if looked == len(rows) < limit:
        return START
    last = rows[looked - 1]
    return Place(last["project_id"], last["deadline"], last["id"])
