"""When a task is ready and when a need is met. Each is defined once, for SQL and for Python."""

from __future__ import annotations

from typing import Any

from django.db import models

OPEN = ("pending", "claimed")

# The stored columns of a task that can be granted. The index task_ready has the same predicate; a generic
# plan can use it only if the state is a literal here.
READY_WHEN: dict[str, Any] = {"state": "pending", "open_needs": 0, "not_due": False, "held": False}
READY_Q = models.Q(**READY_WHEN)


def ready(task: Any) -> bool:
    """Whether a task with these values is ready."""
    return all(getattr(task, name) == value for name, value in READY_WHEN.items())


def _in_sql(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return column if value else f"NOT {column}"
    return f"{column} = {value!r}"


def ready_sql(*without: str, **columns: str) -> str:
    """SQL: whether task `t` is ready, `without` some conditions; `columns` replaces column expressions."""
    return " AND ".join(
        _in_sql(columns.get(name, f"t.{name}"), value)
        for name, value in READY_WHEN.items()
        if name not in without
    )


# For the task `t`: as a whole, and each condition.
READY = ready_sql()
PENDING, NEEDS_MET, DUE, FREE = (
    _in_sql(f"t.{name}", READY_WHEN[name]) for name in ("state", "open_needs", "not_due", "held")
)

# A task that waits for its time; also the predicate of the index task_not_due.
NOT_DUE_WHEN: dict[str, Any] = {"state": "pending", "not_due": True}
NOT_DUE_Q = models.Q(**NOT_DUE_WHEN)
NOT_DUE = " AND ".join(_in_sql(f"t.{name}", value) for name, value in NOT_DUE_WHEN.items())

# Whether need `n` of a parent `p` that has ended is met.
MET = """
(n.on_failure = 'continue' OR n.on_end = 'always'
 OR n.on_end = CASE p.state WHEN 'completed' THEN 'success' ELSE 'failure' END)
"""


def met(on_end: str, on_failure: str, parent_state: str) -> bool:
    """Whether a need is met while its parent is in this state."""
    if parent_state in OPEN:
        return False
    end = "success" if parent_state == "completed" else "failure"
    return on_failure == "continue" or on_end in ("always", end)
