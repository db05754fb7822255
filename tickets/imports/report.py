"""What an import tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tickets.imports.sheet import Relation, Sheet
from tickets.imports.wfformat import Flow
from tickets.models import Arrival, Backlog


@dataclass
class Report:
    """An import in figures, for people and machines."""

    format: str
    project: str
    dry_run: bool
    sheet: Sheet | Flow
    skipped: list[Relation]
    backlog: Backlog
    arrival: Arrival

    @property
    def warnings(self) -> list[str]:
        parents = (
            f"{one} has more parents than {self.backlog.parents[one]}: {other} is kept as a link"
            for one, other, kind in self.backlog.links
            if kind == self.sheet.parents
        )
        begun = (f"{child} does not wait for {parent}: work on {child} has begun or ended here" for parent, child in self.arrival.late)
        return [*self.sheet.warnings, *parents, *begun]

    def as_dict(self) -> dict[str, Any]:
        """Counts are of what is new, but for `tickets`. `skipped` lists every edge that was left out, and counts them by kind."""
        arrival, skipped = self.arrival, self.skipped
        return {
            "format": self.format,
            "project": self.project,
            "dry_run": self.dry_run,
            "tickets": {"new": arrival.new, "known": arrival.known, "changed": len(arrival.changed)},
            "tasks": arrival.tasks,
            "needs": arrival.needs,
            "parents": arrival.parents,
            "links": arrival.links,
            "comments": arrival.comments,
            "external_refs": arrival.external_refs,
            "skipped": {
                "rows": dict(getattr(self.sheet, "no_work", Counter()).most_common()),
                "edges": len(skipped),
                "ids": len({edge.to_id for edge in skipped}),
                "by_kind": dict(Counter(edge.kind for edge in skipped).most_common()),
                "list": [{"kind": edge.kind, "from": edge.from_id, "to": edge.to_id} for edge in skipped],
            },
            "changed": arrival.changed,
            "left_out": dict(self.sheet.left_out.most_common()),
            "warnings": self.warnings,
        }
