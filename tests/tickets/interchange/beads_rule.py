"""What beads offers as ready work, from the raw rows of a file and by beads' own rules: made without a look
at the importer.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

NO_WORK = {
    "gate",
    "molecule",
    "agent",
    "message",
    "event",
    "role",
    "rig",
    "slot",
    "convoy",
    "template",
    "wisp",
    "merge-request",
}
OVER = {"closed", "pinned"}  # an issue in one of these blocks nothing and is never blocked


class Rule:
    def __init__(self, lines: list[dict[str, Any]]) -> None:
        rows = [row for row in lines if "id" in row and row.get("_type", "issue") == "issue"]
        self.rows = {
            row["id"]: row
            for row in rows
            if self.status(row) not in ("tombstone", "deleted") and not row.get("deleted_at")
        }
        self.blocked: set[str] = set()

    @staticmethod
    def status(row: dict[str, Any]) -> str:
        return (row.get("status") or "open").lower()

    def going(self, name: str) -> bool:
        return self.status(self.rows[name]) not in OVER

    def targets(self, name: str, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """An edge to an id that is not there counts for nothing."""
        edges = self.rows[name].get("dependencies") or []
        return [
            (edge["depends_on_id"], edge)
            for edge in edges
            if edge["type"] in kinds and edge["depends_on_id"] in self.rows
        ]

    def parents(self, name: str) -> set[str]:
        told = [edge for edge in self.rows[name].get("dependencies") or [] if edge["type"] == "parent-child"]
        head, _, tail = name.rpartition(".")
        by_id = {head} if not told and tail.isdecimal() and head in self.rows else set()
        return by_id | {other for other, _ in self.targets(name, "parent-child")}

    def waits_for_children(self, name: str) -> bool:
        for spawner, edge in self.targets(name, "waits-for"):
            states = [self.status(self.rows[each]) for each in self.rows if spawner in self.parents(each)]
            any_child = json.loads(edge.get("metadata") or "{}").get("gate") == "any-children"
            if any(state not in OVER for state in states) and not (any_child and "closed" in states):
                return True
        return False

    def deferred(self, name: str) -> bool:
        until = self.rows[name].get("defer_until")
        return bool(until) and datetime.fromisoformat(until) > datetime.now(UTC)

    def ready(self) -> set[str]:
        """Passes over all rows until none is marked blocked any more."""
        while True:
            new = {
                name
                for name in self.rows.keys() - self.blocked
                if self.going(name)
                and (
                    any(self.going(other) for other, _ in self.targets(name, "blocks", "conditional-blocks"))
                    or self.parents(name) & self.blocked
                    or self.waits_for_children(name)
                )
            }
            if not new:
                break
            self.blocked |= new
        return {name for name in self.rows.keys() - self.blocked if self.offered(name)}

    def offered(self, name: str) -> bool:
        row = self.rows[name]
        barred = (
            row.get("issue_type", "task") in NO_WORK
            or row.get("pinned")
            or row.get("ephemeral")
            or row.get("is_template")
        )
        late = self.deferred(name) or any(self.deferred(parent) for parent in self.parents(name))
        return self.status(row) == "open" and not barred and not late
