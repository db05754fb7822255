"""The order of work: a task's rank, stored with it so that a claim need not compute it.

How priority, age, deadline, waiting tasks and retries make a rank is the database's function `omoi_rank`
(tickets/migrations/sql/rank.sql). Whatever makes a task ready calls it in its own statement; a change of what
it reads calls `rerank`.
"""

from __future__ import annotations

from collections.abc import Sequence

from omoi_site.database import sql
from tickets.models.task.lane import lower_floors
from tickets.models.task.readiness import PENDING, READY

RERANK = sql.statement(__file__, "rerank", pending=PENDING, ready=READY)


@sql.atomic
def rerank(ids: Sequence[int]) -> None:
    """Compute anew the place of these open tasks in the order of work."""
    ready = [row["id"] for row in sql.rows(RERANK, [list(ids)]) if row["ready"]] if ids else []
    if ready:
        lower_floors(ready)
