"""ImportRun: the state of one import while it runs. All ids are those of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.models import Actor, Project
from tickets.models.ticket.backlog import Backlog, ImportResult


@dataclass
class ImportRun:
    backlog: Backlog
    project: Project
    by: Actor
    existing: dict[str, dict[str, Any]]  # the rows of existing tickets
    tickets: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    new_tasks: dict[str, int] = field(default_factory=dict)
    result: ImportResult = field(default_factory=ImportResult)

    @cached_property
    def blocks(self) -> dict[str, bool]:
        """Whether tasks that need a ticket wait for it. False if the file says so now, or did when it was
        imported.
        """
        before = {name: row["holds"] for name, row in self.existing.items()}
        return before | {item.id: item.holds and before.get(item.id, True) for item in self.backlog.items}
