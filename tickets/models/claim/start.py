"""Start: records that a worker begins a task, before it does. If the worker dies, only tasks that had begun
count an attempt.

A task that ran in two workers when they died then runs alone, in a separate lane. If it is what kills
workers, the next death fails only this task; if not, it completes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db import models

from agents.models import Agent, rights
from omoi_site.database import prepared, sql
from tickets.models.claim.fence import HELD, claims_now, lost
from tickets.models.claim.lease import ABANDON, follow_up
from tickets.models.task.fields import TaskFields

Row = TypeVar("Row", bound=TaskFields)

LOCK_HELD = sql.statement(__file__, "lock_held", held=HELD)
START = sql.statement(__file__, "start", lock_held=LOCK_HELD.rstrip())


class Starting(models.Manager[Row]):
    def start(self, task: int, fence: int, *, by: Agent) -> None:
        """Record that the holder begins the task now; from here on it counts as an attempt. Repeating it
        changes nothing. Raises ClaimLost.
        """
        if self.start_all([(task, fence)], by=by):
            raise lost(claims_now([task], by.pk).get(task), fence)

    @sql.patiently
    def start_all(self, claims: Sequence[tuple[int, int]], *, by: Agent) -> set[int]:
        """Record for each of these claims (task, fence) that the holder begins it now. Returns the tasks
        whose claim is lost.
        """
        rights.require(by, "work")
        tasks = [task for task, _ in claims]
        params = {"ids": tasks, "fences": [fence for _, fence in claims], "agent": by.pk}
        return set(tasks) - {row["id"] for row in prepared.rows(START, params)}

    @sql.atomic
    def abandon(self, *, by: Agent, fate: str = "") -> int:
        """End all claims of a worker whose process has ended; returns how many. `fate` says how it ended, if
        known.
        """
        rights.require(by, "work")
        params = {"holder": by.pk, "kind": "task.lapsed", "fate": f": it {fate}" if fate else ""}
        return follow_up(sql.rows(ABANDON, params))
