"""Others: what a task no longer needs once it goes on, such as the slower ones of those of which the first
was enough. A sweep cancels them.

In a transaction of its own: whoever lets the task go on has locked it after the tasks that it needs, and may
not go back to those.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from omoi_site.database import sql
from tickets.models.task import intervene
from tickets.models.task.fields import TaskFields
from tickets.models.task.readiness import NEEDS_MET

Row = TypeVar("Row", bound=TaskFields)

BATCH = 200
OVER = sql.statement(__file__, "others", needs_met=NEEDS_MET)
REASON = "enough of the tasks beside it have ended"


class OthersCancelling(models.Manager[Row]):
    @sql.atomic
    def cancel_others(self) -> int:
        """Cancel what tasks that have gone on no longer need, unless another waits for it. Returns how many
        tasks have gone on or ended.
        """
        over = sql.rows(OVER, {"limit": BATCH})
        if others := sorted({other for row in over for other in row["others"]}):
            intervene.cancel(others, by="system:coordination", reason=REASON)
        return len(over)
