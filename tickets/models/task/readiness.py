"""When a task is ready and when a need is met. Each is defined once, for SQL and for Python."""

from __future__ import annotations

from typing import Any

from django.db import models

OPEN = ("pending", "claimed")
MOST_RATE_LIMITS = 5  # in a row; a task that meets the limit of an account so often is held for a person

# The stored columns of a task that can be granted. The index task_ready has the same predicate; a generic
# plan can use it only if the state is a literal here.
READY_WHEN: dict[str, Any] = {
    "state": "pending",
    "open_needs": 0,
    "not_due": False,
    "held": False,
    "operation": "",  # an operation completes by itself, nobody claims it
}
READY_Q = models.Q(**READY_WHEN)
# And those of the highest priority; also the predicate of the index task_critical.
CRITICAL_WHEN: dict[str, Any] = {"priority": 0}
CRITICAL_READY_Q = models.Q(**READY_WHEN, **CRITICAL_WHEN)


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


CRITICAL = " AND ".join(_in_sql(f"t.{name}", value) for name, value in CRITICAL_WHEN.items())
# For the task `t`: as a whole, and each condition.
READY = ready_sql()
PENDING, NEEDS_MET, DUE, FREE, WORK = (
    _in_sql(f"t.{name}", READY_WHEN[name]) for name in ("state", "open_needs", "not_due", "held", "operation")
)

# Task `{task}` has not met the limit of an account too often.
NOT_LIMITED = f"{{task}}.rate_limits < {MOST_RATE_LIMITS}"

# What a person may let be tried again: tasks that have failed or were cancelled, and those held for a person.
RETRIABLE_Q = models.Q(state__in=["failed", "cancelled"]) | models.Q(
    state="pending", rate_limits__gte=MOST_RATE_LIMITS
)
RETRIABLE = f"(t.state IN ('failed', 'cancelled') OR {PENDING} AND NOT {NOT_LIMITED.format(task='t')})"


def retriable(task: Any) -> bool:
    return task.state in ("failed", "cancelled") or (
        task.state == "pending" and task.rate_limits >= MOST_RATE_LIMITS
    )


# A task that waits for its time; also the predicate of the index task_not_due.
NOT_DUE_WHEN: dict[str, Any] = {"state": "pending", "not_due": True}
NOT_DUE_Q = models.Q(**NOT_DUE_WHEN)
NOT_DUE = " AND ".join(_in_sql(f"t.{name}", value) for name, value in NOT_DUE_WHEN.items())

# A task that can be worked on, or has begun: the time of a sync that waits for it runs. With `starts_timeout`
# it is also the predicate of the index task_starts_timeout.
WORKABLE_WHEN: dict[str, Any] = {
    name: value for name, value in READY_WHEN.items() if name not in ("state", "operation")
}
STARTS_TIMEOUT_Q = models.Q(starts_timeout=True) & (~models.Q(state="pending") | models.Q(**WORKABLE_WHEN))
WORKABLE = " AND ".join(_in_sql(f"t.{name}", value) for name, value in WORKABLE_WHEN.items())
BEGUN = f"({PENDING.replace('=', '<>')} OR {WORKABLE})"
STARTS_TIMEOUT = f"t.starts_timeout AND {BEGUN}"

# A piece of work whose time was measured: it was claimed and completed. An operation takes no time, and what
# was imported as completed was not done here. Also the predicate of the index task_measured.
MEASURED_Q = models.Q(state="completed", claimed_at__isnull=False)
MEASURED = "t.state = 'completed' AND t.claimed_at IS NOT NULL"

# The deadline of task `t` has passed and it has not ended. The index task_deadline finds these: the time is
# asked once, because no index is searched with a function that may change from row to row.
OVERDUE = "t.state IN ('pending', 'claimed') AND t.deadline < (SELECT clock_timestamp())"

# It is expected to end after its deadline; once that has passed it is overdue instead. The first part is also
# the predicate of the index task_expected_late.
LATE_Q = models.Q(state__in=OPEN, expected_at__gt=models.F("deadline"))
EXPECTED_LATE = (
    "t.state IN ('pending', 'claimed') AND t.expected_at > t.deadline"
    " AND t.deadline >= (SELECT clock_timestamp())"
)

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
