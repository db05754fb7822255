"""The report of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tickets.interchange.backlog import ParsedBacklog
from tickets.interchange.wfformat import ParsedWorkflow
from tickets.models import ImportResult, Relation


@dataclass
class Report:
    """The counts of an import, for people and programs."""

    format: str
    project: str
    dry_run: bool
    parsed: ParsedBacklog | ParsedWorkflow
    result: ImportResult

    @property
    def warnings(self) -> list[str]:
        parents = (
            f"{edge.from_id} has more than one parent{f', first {first}' if first else ''}:"
            f" {edge.to_id} is kept as a link"
            for edge, first in self.result.further
        )
        finished = (
            f"finished issues that block each other; nothing was changed: {' -> '.join(cycle[:20])}"
            for cycle in self.result.cycles
        )
        dropped = self.result.dropped
        family = (
            [f"waits between parents and children, that would form a cycle, left out: {dropped}"]
            if dropped
            else []
        )
        begun = (
            f"{child} does not wait for {parent}: work on {child} has already started or ended here"
            for parent, child in self.result.late
        )
        return [*self.parsed.warnings, *finished, *family, *parents, *begun]

    def _written(self, edges: list[Relation]) -> list[Relation]:
        """Those that the file states. An id alone does not count: `v2.0.1` need not be a child of `v2.0`."""
        implied = getattr(self.parsed, "implied", ())
        return [edge for edge in edges if edge not in implied]

    def as_dict(self) -> dict[str, Any]:
        """Counts are of what is new, except `tickets`.

        `skipped` has every edge that was left out, `awaited` every edge that is kept until its other end is
        imported.
        """
        result = self.result
        return {
            "format": self.format,
            "project": self.project,
            "dry_run": self.dry_run,
            "tickets": {"new": result.new, "known": result.known, "changed": len(result.changed)},
            "tasks": result.tasks,
            "paused": result.paused,
            "ready": result.ready,
            "needs": result.needs,
            "parents": result.parents,
            "links": result.links,
            "comments": result.comments,
            "external_refs": result.external_refs,
            "skipped": {
                "rows": dict(Counter(getattr(self.parsed, "no_work", {})).most_common()),
                **_edges(self._written(result.skipped)),
            },
            "awaited": _edges(self._written(result.awaited)),
            "closed": result.closed,
            "changed": result.changed,
            "left_out": dict(self.parsed.left_out.most_common()),
            "warnings": self.warnings,
        }


def _edges(edges: list[Relation]) -> dict[str, Any]:
    return {
        "edges": len(edges),
        "ids": len({edge.to_id for edge in edges}),
        "by_kind": dict(Counter(edge.kind for edge in edges).most_common()),
        "list": [{"kind": edge.kind, "from": edge.from_id, "to": edge.to_id} for edge in edges],
    }
