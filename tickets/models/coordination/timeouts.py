"""The timeouts of syncs, which a sweep ends by the clock of the database.

The time begins when the first task that a sync waits for can be worked on: it is ready, and its ticket is
where its work is done. So that a sweep need not look at every sync that waits, the tasks that may begin the
time of one are marked (`starts_timeout`), and an index has those of them that have begun.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from omoi_site.database import sql
from tickets.models.coordination import completion
from tickets.models.task.fields import TaskFields
from tickets.models.task.open_needs import lock_below, settle_operations
from tickets.models.task.readiness import BEGUN, STARTS_TIMEOUT

Row = TypeVar("Row", bound=TaskFields)

BATCH = 200
BEGIN = sql.statement(__file__, "begin_timeouts", starts_timeout=STARTS_TIMEOUT, begun=BEGUN)
FORGET = sql.statement(__file__, "forget_timeouts")
OVERDUE = sql.statement(__file__, "overdue_syncs")


class SyncTimeouts(models.Manager[Row]):
    def time_out_syncs(self) -> int:
        """Begin the time of syncs whose first task can be worked on, and end those whose time is over.
        Returns how many ended.
        """
        # In two transactions: who completes an operation locks its task first, and then the operation.
        while _begin() == BATCH:  # more is left
            pass
        return _end_overdue()


@sql.atomic
def _begin() -> int:
    sql.rows(FORGET, {"limit": BATCH})
    [row] = sql.rows(BEGIN, {"limit": BATCH})
    return int(row["handled"])


@sql.atomic
def _end_overdue() -> int:
    waiting = [row["id"] for row in sql.rows(OVERDUE, {"limit": BATCH, "ids": None})]
    if not waiting:
        return 0
    lock_below(waiting, also=waiting)
    # looked at again: while we waited for their locks, some may have completed or been given more time
    overdue = [row["id"] for row in sql.rows(OVERDUE, {"limit": BATCH, "ids": waiting})]
    if overdue:
        settle_operations(completion.time_out(overdue))
    return len(overdue)
