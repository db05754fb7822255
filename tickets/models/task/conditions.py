"""When a task is ready and when a need is met: each once, in SQL and in Python, from the same facts."""

from __future__ import annotations

from typing import Any

from django.db import models

OPEN = ("pending", "claimed")

# What is stored of a task that can be granted. The same words are the predicate of the index task_ready: a
# generic plan proves it only where the state stands in them as a literal.
READY_WHEN: dict[str, Any] = {"state": "pending", "open_needs": 0, "not_due": False, "held": False}
READY_Q = models.Q(**READY_WHEN)


def ready(task: Any) -> bool:
    """Whether a task of these values is ready."""
    return all(getattr(task, name) == value for name, value in READY_WHEN.items())


def _in_sql(name: str, value: Any) -> str:
    if value is False:
        return f"NOT t.{name}"
    return f"t.{name} = {value!r}"


# Of the task `t`, piece by piece and whole.
PENDING, NEEDS_MET, DUE, FREE = (_in_sql(name, value) for name, value in READY_WHEN.items())
READY = f"{PENDING} AND {NEEDS_MET} AND {DUE} AND {FREE}"

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
