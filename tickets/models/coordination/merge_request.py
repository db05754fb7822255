"""A merge of existing tasks, as the pattern of one block that it is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tickets.models.coordination.pattern_run import PatternRequest
from tickets.models.ticket.fields import Priority

# The keys of a merge block, by the names that clients use.
KEYS = {
    "sources": "source_task_ids",
    "strategy": "merge_strategy",
    "required": "required_count",
    "phase": "phase_id",
}


def merge_pattern(*, key: str = "", priority: int | None = None, **merge: Any) -> PatternRequest:
    """The request for a merge: `sources`, `strategy`, and what else a merge block has. Without a key, each
    call adds a merge.
    """
    document = {KEYS.get(name, name): value for name, value in merge.items() if value is not None}
    if priority is not None:
        document["priority"] = Priority(priority).name.lower()
    return PatternRequest({"type": "merge", "id": "merge", **document}, key or f"merge_{uuid4().hex[:12]}")
