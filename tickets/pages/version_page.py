"""The page on which tickets change the version of their workflow: choose, preview, do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models import Project
from tickets.gates.check_names import capital, name_of
from tickets.models import Ticket, Workflow
from tickets.models.ticket.version_batch import TOGETHER, Followed, candidates
from tickets.models.ticket.version_change import VersionChange, previews

LISTED = 50  # tickets in the list


@dataclass(frozen=True)
class Preview:
    """What would become of one ticket. `denied`: why this person may not change it."""

    change: VersionChange
    denied: str

    @property
    def ready(self) -> bool:
        return self.change.possible and not self.denied

    @property
    def failed(self) -> list[str]:
        """The names of the checks that would not pass."""
        return [name_of(check) for check in self.change.checks if not check["passed"]]


@dataclass(frozen=True)
class Result:
    """What became of one ticket."""

    followed: Followed

    @property
    def why_not(self) -> str:
        refused = self.followed.refused
        return f"{capital(refused.message)}. {refused.next_action}".strip() if refused else ""

    @property
    def failed(self) -> list[str]:
        verdict = self.followed.verdict
        return [name_of(check) for check in verdict.checks if not check["passed"]] if verdict else []


class VersionPage:
    """`keys`: the tickets that were chosen."""

    def __init__(self, who: Any, target: Workflow, project: str, keys: Sequence[str]) -> None:
        self.who = who
        self.target = target
        self.project = project
        self.keys = keys

    @cached_property
    def _found(self) -> list[Ticket]:
        found = candidates(self.target, by=self.who, project=self.project)
        return list(found.defer("workflow__source")[: LISTED + 1])

    @property
    def tickets(self) -> list[Ticket]:
        return self._found[:LISTED]

    @property
    def more(self) -> bool:
        return len(self._found) > LISTED

    @cached_property
    def chosen(self) -> list[Ticket]:
        return list(candidates(self.target, by=self.who, keys=self.keys)[:TOGETHER]) if self.keys else []

    @cached_property
    def previews(self) -> list[Preview]:
        changes = previews(self.chosen, self.target)
        return [Preview(change, self._denied(change.ticket.project)) for change in changes]

    @property
    def ready(self) -> list[Preview]:
        return [row for row in self.previews if row.ready]

    def _denied(self, project: Project) -> str:
        if project.pk in self._admin_of:
            return ""
        return f"You need the role of an administrator in {project}"

    @cached_property
    def _admin_of(self) -> set[int]:
        return set(Project.objects.allowing(self.who, "admin").values_list("pk", flat=True))

    @cached_property
    def numbers(self) -> list[int]:
        """The versions to choose from."""
        return list(Workflow.objects.filter(name=self.target.name).values_list("version", flat=True)[:100])

    @cached_property
    def projects(self) -> list[str]:
        return list(Project.objects.seen_by(self.who).order_by("key").values_list("key", flat=True))
