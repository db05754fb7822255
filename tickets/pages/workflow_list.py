"""The list of workflows: what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models import Project
from agents.models.journal_changes import WORKFLOWS
from tickets.models import Workflow
from tickets.models.workflow_usage import Usage, followers, usage
from tickets.pages.topics import of_projects


@dataclass(frozen=True)
class Listed:
    """A workflow in the list: its version in force, its versions with open tickets, and its projects."""

    newest: Workflow
    usage: Sequence[Usage]
    projects: Sequence[str]

    @property
    def versions(self) -> list[tuple[int, int, bool]]:
        """Each version that has open tickets: its number, how many, and whether there are more."""
        numbers = dict.fromkeys(row.version for row in self.usage)
        rows = [(number, [row for row in self.usage if row.version == number]) for number in numbers]
        return [
            (number, sum(row.tickets for row in found), any(row.more for row in found))
            for number, found in rows
        ]


class WorkflowList:
    """Every workflow, with what this person sees of its use."""

    def __init__(self, who: Any) -> None:
        self.who = who

    @cached_property
    def rows(self) -> list[Listed]:
        used, projects = usage(self.who), followers(self.who)
        return [
            Listed(
                workflow,
                [row for row in used if row.name == workflow.name],
                projects.get(workflow.name, []),
            )
            for workflow in Workflow.objects.newest().order_by("name")
        ]

    @property
    def topics(self) -> str:
        return " ".join([WORKFLOWS, *of_projects(Project.objects.seen_by(self.who).order_by("key"))])
