"""Keeps what is stored of who everything waits on: after what has happened, after what time has changed, and,
by a walk over all that is open, after whatever was missed.

Each call does a bounded amount of work in one transaction, with the row of `WaitSweep` locked: two at once
take turns, and one that dies has changed nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.db import models
from django.db.models import F

from agents.models import Event
from agents.models.event import ResyncRequired
from omoi_site.database import sql
from omoi_site.errors import Malformed
from tickets.models.explain.sql_fragments import BY_HAND
from tickets.models.explain.stored_waits import NEXT
from tickets.models.ticket.filters import LEFT_OPEN, UNFINISHED
from tickets.models.waiting.waits import LaneWait, Stored, TaskWait, TicketWait

EVENTS = 500  # read at once
TASKS = 500  # that one call looks at because of them
NEXT_CHILDREN = """
SELECT parent_id AS of, child_id AS id
FROM tickets_need
WHERE parent_id = ANY (%(of)s)
  AND (parent_id, child_id) > (%(after)s, %(upto)s)
ORDER BY parent_id, child_id
LIMIT %(most)s
"""
NEXT_TASKS = """
SELECT ticket_id AS of, id
FROM tickets_task
WHERE ticket_id = ANY (%(of)s)
  AND state IN ('pending', 'claimed', 'failed')
  AND (ticket_id, id) > (%(after)s, %(upto)s)
ORDER BY ticket_id, id
LIMIT %(most)s
"""
RECHECKED = 1_000  # at once
# those that are open, or were
RANGE = """
SELECT id FROM {table} WHERE id > %(after)s AND id <= %(upto)s {open}
UNION
SELECT id FROM {wait} WHERE id > %(after)s AND id <= %(upto)s
ORDER BY id
LIMIT %(most)s
"""
TASKS_IN = RANGE.format(
    table="tickets_task", open="AND state IN ('pending', 'claimed', 'failed')", wait="tickets_taskwait"
)
TICKETS_IN = RANGE.format(
    table="tickets_ticket", open=f"AND (({UNFINISHED}) OR {LEFT_OPEN})", wait="tickets_ticketwait"
)
TICKETS_OF = "SELECT DISTINCT ticket_id AS id FROM tickets_task WHERE id = ANY (%s)"
TICKETS_CALLED = "SELECT id, key FROM tickets_ticket WHERE key = ANY (%s)"
LANES_OF = "SELECT DISTINCT lane_id AS id FROM tickets_taskwait WHERE id = ANY (%s) AND lane_id IS NOT NULL"
# Where tickets are limited, who a ticket's ready tasks wait on depends on whether another one is claimed.
LIMITED = "SELECT id FROM agents_project WHERE id = ANY (%s) AND max_tickets IS NOT NULL"
IN_WORK = (
    "SELECT DISTINCT ticket_id AS id FROM tickets_task WHERE project_id = ANY (%s) AND state = 'claimed'"
)
# What these people hold: if they may not work there any more, others must act.
HELD_BY = """
SELECT t.id
FROM agents_agent h
CROSS JOIN LATERAL (
  SELECT t.id
  FROM tickets_task t
  WHERE t.holder_id = h.id
    AND t.state = 'claimed'
  LIMIT %(most)s
) t
WHERE h.name = ANY (%(people)s)
"""
LANES_IN = sql.statement(__file__, "lanes_in")


def _untold(name: str, *, ticket: str) -> str:
    due = sql.statement(__file__, "due_by_time", ticket=ticket, by_hand=BY_HAND, next=NEXT)
    return sql.statement(__file__, name, due_by_time=due.strip())


UNTOLD = _untold("untold", ticket="o.ticket_id")
UNTOLD_TICKETS = _untold("untold_tickets", ticket="k.id")
MEMBERS = ("member.set", "member.removed")
log = logging.getLogger(__name__)


class Sweeping(models.Manager["WaitSweep"]):
    @sql.atomic
    def follow(self) -> bool:
        """Look at what the journal tells of since the last call, at what depends on it, and at what time has
        changed. Returns whether more is left.
        """
        row = self._locked()
        if not row.left:
            row.left = _named(row.news())
        tasks = row.next_tasks() | set(TaskWait.objects.due())
        _store(tasks, {*row.left.pop("tickets", ()), *TicketWait.objects.due()})
        left = TicketWait.objects.store_rooms()
        more = bool(row.left) or row.behind or len(tasks) >= TASKS or left
        row.save()
        return more

    @sql.atomic
    def look_at_lanes(self, after: int, upto: int) -> int:
        """Who the ready tasks of the lanes with ids in (after, upto] wait on. Returns how many have some."""
        lanes = [row["id"] for row in sql.rows(LANES_IN, {"after": after, "upto": upto})]
        LaneWait.objects.store(lanes)
        return len(lanes)

    @sql.atomic
    def recheck_tasks(self, after: int, upto: int) -> int:
        """Look at the open tasks with ids in (after, upto], at most `RECHECKED`; returns up to which. Those
        that were stored wrongly, although nothing that is still to be followed explains it, are counted.
        """
        row = self._locked()
        ids, upto = _open_in(TASKS_IN, after, upto)
        row.repaired_tasks([each.id for each in _store(ids) if not each.due])
        return upto

    @sql.atomic
    def recheck_tickets(self, after: int, upto: int) -> int:
        """As `recheck_tasks`."""
        row = self._locked()
        ids, upto = _open_in(TICKETS_IN, after, upto)
        row.repaired_tickets([each.id for each in TicketWait.objects.store(ids) if not each.due])
        return upto

    def filled(self) -> bool:
        """Whether a walk over everything has ended since the journal was followed without a gap."""
        return self.filter(filled=True).exists()

    def gaps(self) -> int:
        """How many gaps the journal has had for us: a walk fills those that were there when it began."""
        return self.values_list("gaps", flat=True).first() or 0

    def fill(self, gaps: int) -> None:
        """A walk over everything has ended that began after this many gaps."""
        self.filter(gaps=gaps).update(filled=True)

    def _locked(self) -> WaitSweep:
        row = self.select_for_update().filter(pk=1).first()
        if row is None:
            self.bulk_create([WaitSweep(pk=1)], ignore_conflicts=True)
            row = self.select_for_update().get(pk=1)
        return row


class WaitSweep(models.Model):
    """How far the journal is followed, what is left of it to look at, and how much the walk had to repair."""

    id = models.SmallIntegerField(primary_key=True)
    cursor = models.TextField(blank=True, help_text="of the journal; empty: not followed yet")
    left = models.JSONField(
        default=dict, blank=True, help_text="what the last events named and is not looked at yet"
    )
    filled = models.BooleanField(
        default=False, help_text="a walk over everything has ended since the last gap"
    )
    gaps = models.BigIntegerField(
        default=0, db_default=0, help_text="how often too much had happened to follow all of it"
    )
    repaired = models.BigIntegerField(
        default=0, help_text="how many were stored wrongly, until the walk came by"
    )
    repaired_at = models.DateTimeField(null=True)

    objects = Sweeping()
    behind = False

    def __str__(self) -> str:
        return f"{self.repaired} repaired"

    def news(self) -> list[Event]:
        """The next events. If there are too many, or the cursor cannot be read, such as after an upgrade, all
        is looked at by a walk instead.
        """
        if not self.cursor:
            self.cursor = Event.objects.current_cursor()
            return []
        try:
            events, self.cursor = Event.objects.all().since(self.cursor, limit=EVENTS)
        except (ResyncRequired, Malformed):
            self.cursor, self.filled, self.gaps = Event.objects.current_cursor(), False, self.gaps + 1
            return []
        self.behind = len(events) == EVENTS
        return events

    def next_tasks(self) -> set[int]:
        """The next tasks to look at, of those that are left; what then is left stays in `left`."""
        found = set(self.left.pop("tasks", ()))
        for name, statement in (("parents", NEXT_CHILDREN), ("whole", NEXT_TASKS)):
            if name not in self.left:
                continue
            of, after, upto = self.left[name]
            most = max(1, TASKS - len(found))
            rows = sql.rows(statement, {"of": of, "after": after, "upto": upto, "most": most})
            found |= {row["id"] for row in rows}
            if len(rows) < most:
                del self.left[name]
            else:
                self.left[name] = [of, rows[-1]["of"], rows[-1]["id"]]
        return found

    def repaired_tasks(self, ids: Collection[int]) -> None:
        if ids and (keys := self._keys_to_come()) is not None:
            params = {"tasks": list(ids), "keys": keys}
            self._repaired("tasks", [row["id"] for row in sql.rows(UNTOLD, params)])

    def repaired_tickets(self, ids: Collection[int]) -> None:
        if ids and (keys := self._keys_to_come()) is not None:
            params = {"tickets": list(ids), "keys": keys}
            self._repaired("tickets", [row["id"] for row in sql.rows(UNTOLD_TICKETS, params)])

    def _keys_to_come(self) -> list[str] | None:
        """The keys of the tickets to which something has happened that is not followed yet. None: following
        lags behind, so that it may explain anything.
        """
        if self.left or not self.filled:
            return None
        try:
            events, _ = Event.objects.all().since(self.cursor, limit=EVENTS)
        except (ResyncRequired, Malformed):
            return None
        if len(events) == EVENTS or any(map(_concerns_more, events)):
            return None
        return [each.topic.removeprefix("ticket:") for each in events]

    def _repaired(self, what: str, ids: list[int]) -> None:
        if ids:
            log.warning("who waits on whom was stored wrongly", extra={what: ids[:50], "number": len(ids)})
            type(self).objects.filter(pk=self.pk).update(
                repaired=F("repaired") + len(ids), repaired_at=sql.ClockTimestamp()
            )


def _named(events: Collection[Event]) -> dict[str, Any]:
    """What these events are about: tasks, tickets, those whose needs are met by one of them, and tickets all
    of whose tasks are looked at.
    """
    tasks = {int(each.subject.removeprefix("task:")) for each in events if each.subject.startswith("task:")}
    keys = {each.topic.removeprefix("ticket:") for each in events if each.topic.startswith("ticket:")}
    limited = _ids(LIMITED, [list({each.project_id for each in events})])
    ids = {row["key"]: row["id"] for row in sql.rows(TICKETS_CALLED, [list(keys)])} if keys else {}
    of_all = {each.topic.removeprefix("ticket:") for each in events if of_all_tasks(each, limited)}
    whole = {ids[key] for key in of_all & ids.keys()}
    if newly := [each.project_id for each in events if _limits_tickets(each)]:
        whole |= _ids(IN_WORK, [newly])
    held = set()
    if people := [f"user:{each.data['user']}" for each in events if each.kind in MEMBERS]:
        held = _ids(HELD_BY, {"people": people, "most": TASKS})
    left = {
        "tickets": sorted(ids.values()),
        "tasks": sorted(tasks | held),
        "parents": [sorted(tasks), 0, 0] if tasks else None,
        "whole": [sorted(whole), 0, 0] if whole else None,
    }
    return {name: found for name, found in left.items() if found}


def of_all_tasks(event: Event, limited: Collection[int]) -> bool:
    """Whether the event may change who any task of its ticket waits on."""
    return event.topic.startswith("ticket:") and (event.subject == event.topic or event.project_id in limited)


def _limits_tickets(event: Event) -> bool:
    """From now on it counts which tickets of its project are in work."""
    return event.kind == "project.edited" and "max_tickets" in event.data["after"]


def _concerns_more(event: Event) -> bool:
    """Whether it is followed by a look at more than its own ticket."""
    return event.kind in MEMBERS or _limits_tickets(event)


def _store(tasks: Collection[int], tickets: Collection[int] = ()) -> list[Stored]:
    """Store who these tasks and tickets wait on, and what depends on it; returns the tasks that changed."""
    changed = TaskWait.objects.store(tasks)
    ids = [each.id for each in changed]
    TicketWait.objects.store({*tickets, *(_ids(TICKETS_OF, [ids]) if ids else ())})
    if ids:  # it may be long until the walk over all lanes comes by
        LaneWait.objects.store(_ids(LANES_OF, [ids]))
    return changed


def _ids(statement: str, params: Any) -> set[int]:
    return {row["id"] for row in sql.rows(statement, params)}


def _open_in(statement: str, after: int, upto: int) -> tuple[list[int], int]:
    """The first of these that are open, and up to which."""
    ids = [row["id"] for row in sql.rows(statement, {"after": after, "upto": upto, "most": RECHECKED})]
    return ids, ids[-1] if len(ids) == RECHECKED else upto
