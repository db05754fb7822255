"""The order of work: a task's rank, stored so that a claim need not compute it.

The database function `omoi_rank` (tickets/migrations/sql/rank.sql) computes it from priority, age, deadline,
waiting tasks and retries. A statement that makes a task ready calls it; after a change of these values, call
`rerank`.
"""

from __future__ import annotations

from collections.abc import Sequence

from omoi_site.database import sql
from tickets.models.task.lane import lower_floors
from tickets.models.task.readiness import PENDING, READY

# How many tasks `{task}` unblocks, up to the number from which more make no difference to omoi_rank: each new
# dependant of a task ranks it anew.
ENOUGH = 7
UNBLOCKS = (
    "(SELECT count(*) FROM"
    f" (SELECT FROM tickets_need u WHERE u.parent_id = {{task}}.id LIMIT {ENOUGH}) counted)"
)
RERANK = sql.statement(__file__, "rerank", pending=PENDING, ready=READY, unblocks=UNBLOCKS.format(task="t"))


@sql.atomic
def rerank(ids: Sequence[int]) -> None:
    """Compute the rank of these open tasks again."""
    ready = [row["id"] for row in sql.rows(RERANK, [list(ids)]) if row["ready"]] if ids else []
    if ready:
        lower_floors(ready)
