"""Rechecks: what is stored about readiness against what it was derived from. A difference is a fault of ours:
mended, and an alarm.

Looking takes no lock and cannot be wrong: whatever changes a cause changes what follows from it in the same
transaction, so one snapshot holds both or neither.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from omoi_site.database import sql
from tickets.models.explain.conditions import IN_OPEN_PHASE, OPEN_PHASES
from tickets.models.journal_sql import task_events
from tickets.models.task.intervene import hold
from tickets.models.task.readiness import COUNT_NEEDS, recount
from tickets.models.task.record import TaskRecord
from tickets.models.ticket.ticket import Ticket

WRONG_NEEDS = f"""
WITH truth AS ({COUNT_NEEDS} WHERE c.id > %(after)s AND c.id <= %(upto)s AND (%(ids)s::bigint[] IS NULL OR c.id = ANY (%(ids)s)) AND c.state = 'pending' GROUP BY c.id)
SELECT t.id, jsonb_build_object('was', jsonb_build_object('open_needs', t.open_needs, 'edges_left', t.edges_left, 'unsatisfiable', t.unsatisfiable),
       'now', jsonb_build_object('open_needs', c.open_needs, 'edges_left', c.edges_left, 'unsatisfiable', c.open_needs > c.edges_left)) AS data
FROM truth c JOIN tickets_task t ON t.id = c.id
WHERE (t.open_needs, t.edges_left, t.unsatisfiable) IS DISTINCT FROM (c.open_needs, c.edges_left, c.open_needs > c.edges_left)
"""
WRONGLY_HELD = f"""
SELECT t.id, t.ticket_id, jsonb_build_object('was', jsonb_build_object('held', t.held), 'now', jsonb_build_object('held', NOT t.held)) AS data
FROM tickets_task t JOIN tickets_ticket k ON k.id = t.ticket_id CROSS JOIN {OPEN_PHASES}
WHERE t.id > %(after)s AND t.id <= %(upto)s AND t.state IN ('pending', 'claimed', 'failed', 'cancelled')
  AND t.held = (NOT k.paused AND k.archived_at IS NULL AND {IN_OPEN_PHASE})
"""
WHY = "'what was stored was not what it should have been'"
ALARM = f"""
WITH i AS (SELECT * FROM unnest(%s::bigint[], %s::jsonb[]) AS i(id, data)),
told AS (UPDATE tickets_task t SET events = t.events + 1 FROM i WHERE t.id = i.id RETURNING t.id, t.ticket_key, t.project_id, t.events, i.data)
{task_events("told", "'alarm.raised'", actor="'system:clock'", key="''", data="data", reason=WHY)}
"""
log = logging.getLogger(__name__)

Row = TypeVar("Row", bound=TaskRecord)


class ReadinessAudit(models.Manager[Row]):
    def recheck_needs(self, after: int, upto: int) -> int:
        """Count anew what the pending tasks with ids in (after, upto] wait for; returns how many were wrong."""
        wrong = [row["id"] for row in sql.rows(WRONG_NEEDS, {"after": after, "upto": upto, "ids": None})]
        return self._mend_needs(sorted(wrong)) if wrong else 0

    def recheck_held(self, after: int, upto: int) -> int:
        """Ask anew whether the ticket of each task with an id in (after, upto] holds it; returns how many
        were wrong.
        """
        wrong = sql.rows(WRONGLY_HELD, {"after": after, "upto": upto})
        return sum(
            self._mend_held(ticket, after, upto) for ticket in sorted({row["ticket_id"] for row in wrong})
        )

    @sql.atomic
    def _mend_needs(self, ids: Sequence[int]) -> int:
        sql.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
        wrong = sql.rows(
            WRONG_NEEDS, {"after": ids[0] - 1, "upto": ids[-1], "ids": list(ids)}
        )  # behind the lock: still?
        self._alarm(wrong)
        recount([row["id"] for row in wrong])
        return len(wrong)

    @sql.atomic
    def _mend_held(self, ticket: int, after: int, upto: int) -> int:
        standing = (
            Ticket.objects.select_for_update(no_key=True, of=("self",))
            .select_related("workflow")
            .get(pk=ticket)
        )
        wrong = [
            row
            for row in sql.rows(WRONGLY_HELD, {"after": after, "upto": upto})
            if row["ticket_id"] == ticket
        ]
        self._alarm(wrong)
        hold(standing)
        return len(wrong)

    @staticmethod
    def _alarm(wrong: Sequence[dict[str, Any]]) -> None:
        if wrong:
            log.error("readiness was wrong", extra={"tasks": [row["id"] for row in wrong]})
            sql.rows(ALARM, [[row["id"] for row in wrong], [Jsonb(row["data"]) for row in wrong]])
