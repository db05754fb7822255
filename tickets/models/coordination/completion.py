"""Completes operations in the transaction that meets their needs: a sync says who has come, a merge makes one
result from those of its sources.

Where a merge needs a sync, its sources are the tasks that the sync waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from omoi_site.database import sql
from omoi_site.errors import short
from tickets.models.coordination.merge import Source, Unmergeable, merge
from tickets.models.coordination.operation import SYNC
from tickets.models.journal_sql import task_events
from tickets.models.task.readiness import MET

MOST = 1 << 20  # bytes of all results that a merge reads
LISTED, NAME = 100, 100  # keys in an event, and characters of each
BY = "'system:coordination'"
# The caller has locked the operations.
OPERATIONS = sql.statement(__file__, "operations", met=MET.strip())
SOURCES = sql.statement(__file__, "sources")
RESULTS = "SELECT id, result FROM tickets_task WHERE id = ANY (%s)"
END = sql.statement(
    __file__,
    "end_operations",
    of_tasks=task_events("first", "'task.' || state", actor=BY, key="''", reason="error"),
    of_operations=task_events("ended WHERE kind <> ''", "kind", actor=BY, key="''", data="data"),
)


@dataclass
class End:
    """How an operation ends, and the event that tells of it; without a `kind`, no other than that of the
    task.
    """

    task: int
    state: str = "completed"
    result: Any = None
    error: str = ""
    left_out: Sequence[str] = ()
    kind: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def complete(ids: Sequence[int]) -> list[dict[str, Any]]:
    """Complete these operations, whose needs are met; a merge that cannot be made fails. Returns each as
    {id, ticket_id}.
    """
    rows = sql.rows(OPERATIONS, {"ids": list(ids)})
    merges = [row for row in rows if row["operation"] != SYNC]
    return end([_synced(row) for row in rows if row["operation"] == SYNC] + _merged(merges))


def time_out(ids: Sequence[int]) -> list[dict[str, Any]]:
    """End these syncs, whose time is over, as each asks for. Returns as `complete`."""
    return end([_timed_out(row) for row in sql.rows(OPERATIONS, {"ids": list(ids)})])


def end(ends: Sequence[End]) -> list[dict[str, Any]]:
    return sql.rows(
        END,
        {
            "ids": [end.task for end in ends],
            "states": [end.state for end in ends],
            "results": [None if end.result is None else Jsonb(end.result) for end in ends],
            "errors": [end.error for end in ends],
            "left_out": [Jsonb(list(end.left_out)) for end in ends],
            "kinds": [end.kind for end in ends],
            "data": [Jsonb(end.data) for end in ends],
        },
    )


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "required": row["of"] if row["join_count"] is None else min(row["join_count"], row["of"]),
        "of": row["of"],
        "completed": row["completed"],
        "missing": row["missing"],
    }


def _synced(row: dict[str, Any]) -> End:
    counts = _counts(row)
    return End(row["id"], result=counts, kind="coordination.sync.ready", data=counts)


def _timed_out(row: dict[str, Any]) -> End:
    counts = _counts(row)
    end = End(row["id"], result=counts, kind="coordination.sync.timed_out")
    end.data = {**counts, "on_timeout": row["on_timeout"], "timeout_s": row["timeout_s"]}
    if row["on_timeout"] == "fail":
        end.state = "failed"
        end.error = (
            f"{len(counts['completed'])} of {counts['of']} tasks had ended as needed"
            f" when its {row['timeout_s']} s were over; it needs {counts['required']}."
            f" Missing: {_some(counts['missing'])}"
        )
    return end


def _merged(rows: Sequence[dict[str, Any]]) -> list[End]:
    """A merge at a time, so that the results of one only are in memory."""
    return [_merge(row) for row in rows]


def _merge(row: dict[str, Any]) -> End:
    sources = sql.rows(SOURCES, {"id": row["id"], "most": MOST})
    try:
        if sum(source["size"] for source in sources) > MOST:
            raise Unmergeable(f"the results of its {len(sources)} tasks are larger than {MOST >> 20} MiB")
        results = {
            found["id"]: found["result"]
            for found in sql.rows(RESULTS, [[source["id"] for source in sources]])
        }
        merged = merge(
            row["strategy"],
            [Source(source["key"], source["ended_at"], results[source["id"]]) for source in sources],
        )
    except Unmergeable as error:
        return End(row["id"], "failed", error=str(error))
    keys = sorted(merged.result) if isinstance(merged.result, dict) else []
    data = {
        "strategy": row["strategy"],
        "sources": [source["key"] for source in sources][:LISTED],
        "result_keys": [short(key, NAME) for key in keys[:LISTED]],
        "left_out": [short(key, NAME) for key in merged.left_out[:LISTED]],
    }
    return End(
        row["id"],
        result=merged.result,
        left_out=merged.left_out,
        kind="coordination.merge.completed",
        data=data,
    )


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
