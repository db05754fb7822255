"""Rechecks: compare the stored readiness of tasks with the facts behind it. A difference is a bug: it is
corrected and raises an alarm.

The check needs no lock: a verb changes a fact and the stored readiness in the same transaction, so a snapshot
has both changes or neither.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from omoi_site.database import sql
from tickets.models.explain.sql_fragments import IN_OPEN_PHASE, OPEN_PHASES
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.intervene import hold
from tickets.models.task.open_needs import COUNT_NEEDS, recount
from tickets.models.task.readiness import NEEDS_MET, NOT_LIMITED, PENDING
from tickets.models.ticket.ticket import Ticket

WRONG_NEEDS = sql.statement(__file__, "wrong_needs", count_needs=COUNT_NEEDS)
UNFINISHED = sql.statement(__file__, "unfinished_operations", pending=PENDING, needs_met=NEEDS_MET)
WRONGLY_HELD = sql.statement(
    __file__,
    "wrongly_held",
    open_phases=OPEN_PHASES.strip(),
    in_open_phase=IN_OPEN_PHASE,
    not_limited=NOT_LIMITED.format(task="t"),
)
ALARM = sql.statement(
    __file__,
    "alarm",
    events=task_events(
        "updated",
        "'alarm.raised'",
        actor="'system:clock'",
        key="''",
        data="data",
        reason="'the stored readiness was wrong'",
    ),
)
log = logging.getLogger(__name__)

Row = TypeVar("Row", bound=TaskFields)


class ReadinessAudit(models.Manager[Row]):
    def recheck_needs(self, after: int, upto: int) -> int:
        """Recount the open needs of open tasks with ids in (after, upto], and complete operations that
        wait for nothing; returns how many were wrong.
        """
        span = {"after": after, "upto": upto}
        wrong = [row["id"] for row in sql.rows(WRONG_NEEDS, {**span, "ids": None})]
        corrected = self._correct_needs(sorted(wrong)) if wrong else 0
        return corrected + (self._complete_operations(span) if sql.rows(UNFINISHED, span) else 0)

    def recheck_held(self, after: int, upto: int) -> int:
        """Recheck `held` of tasks with ids in (after, upto]; returns how many were wrong."""
        wrong = sql.rows(WRONGLY_HELD, {"after": after, "upto": upto})
        return sum(
            self._correct_held(ticket, after, upto) for ticket in sorted({row["ticket_id"] for row in wrong})
        )

    @sql.atomic
    def _correct_needs(self, ids: Sequence[int]) -> int:
        sql.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
        # once more with the lock held: another process may have corrected them
        wrong = sql.rows(WRONG_NEEDS, {"after": ids[0] - 1, "upto": ids[-1], "ids": list(ids)})
        self._alarm(wrong)
        recount([row["id"] for row in wrong])
        return len(wrong)

    @sql.atomic
    def _complete_operations(self, span: dict[str, int]) -> int:
        left = sql.rows(UNFINISHED, span)
        self._alarm(left)
        recount([row["id"] for row in left])
        return len(left)

    @sql.atomic
    def _correct_held(self, ticket: int, after: int, upto: int) -> int:
        row = (
            Ticket.objects.select_for_update(no_key=True, of=("self",))
            .select_related("workflow")
            .get(pk=ticket)
        )
        wrong = [
            task
            for task in sql.rows(WRONGLY_HELD, {"after": after, "upto": upto})
            if task["ticket_id"] == ticket
        ]
        self._alarm(wrong)
        hold(row)
        return len(wrong)

    @staticmethod
    def _alarm(wrong: Sequence[dict[str, Any]]) -> None:
        if wrong:
            log.error("readiness was wrong", extra={"tasks": [row["id"] for row in wrong]})
            sql.rows(ALARM, [[row["id"] for row in wrong], [Jsonb(row["data"]) for row in wrong]])
