"""Start: the moment a worker begins a task, recorded before it does, so that its death counts against what
ran and not against what only waited.

A task that ran in two workers that died runs with nothing beside it from then on, in a lane of its own kind:
either it is what ends them, and the next death fails it alone, or it was only near, and completes.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from agents.models import Agent
from omoi_site.database import sql
from tickets.models.claim.fence import HELD, claims_now, lost
from tickets.models.claim.lease import ABANDON, follow_up
from tickets.models.task.fields import TaskFields

Row = TypeVar("Row", bound=TaskFields)

START = f"""
WITH i AS (SELECT %(task)s::bigint AS id, %(fence)s::bigint AS fence)
UPDATE tickets_task t
SET started_at = coalesce(t.started_at, clock_timestamp())
FROM i
WHERE {HELD}
RETURNING t.id
"""


class Starting(models.Manager[Row]):
    def start(self, task: int, fence: int, *, by: Agent) -> None:
        """Record that the holder begins this now; from here on it counts as an attempt. One statement, and
        again it changes nothing. Raises ClaimLost.
        """
        if not sql.rows(START, {"task": task, "fence": fence, "agent": by.pk}):
            raise lost(claims_now([task], by.pk).get(task))

    @sql.atomic
    def abandon(self, *, by: Agent, fate: str = "") -> int:
        """End all claims of a worker whose process is known to be gone; returns how many. `fate` says how it
        went, as far as that is known.
        """
        params = {"holder": by.pk, "kind": "task.lapsed", "fate": f": it {fate}" if fate else ""}
        return follow_up(sql.rows(ABANDON, params))
