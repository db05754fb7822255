"""The fields of a new ticket, and those that can be edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.acceptance import criteria_of
from tickets.models.ticket.fields import Priority, TicketFields
from tickets.models.workflow import Workflow


class TicketEdit(TypedDict, total=False):
    """What can be edited; acceptance: the texts of all criteria."""

    title: str
    description: str
    priority: int
    labels: Sequence[str]
    acceptance: Sequence[str]


@dataclass(frozen=True)
class TicketSpec:
    """A ticket to open, with its tasks.

    workflow: a workflow, or the name of one that its project allows; None: the project's own. phase: its
    first phase; empty: that of its workflow. Any other needs the right to force a move, and `reason`.
    follow_up: the ticket that it continues, usually one that is done.
    """

    title: str
    description: str = ""
    priority: int = Priority.MEDIUM
    labels: Sequence[str] = ()
    acceptance: Sequence[str] = ()
    workflow: Workflow | str | None = None
    phase: str = ""
    reason: str = ""
    parent: TicketFields | None = None
    follow_up: TicketFields | None = None
    tasks: Sequence[TaskSpec] = ()
    source: str = ""
    source_id: str = ""

    @property
    def stored(self) -> dict[str, Any]:
        """The fields that are stored unchanged with the ticket."""
        named = {"title": self.title, "description": self.description, "priority": self.priority}
        return named | {
            "labels": list(self.labels),
            "acceptance": criteria_of(self.acceptance),
            "parent": self.parent,
            "source": self.source,
            "source_id": self.source_id,
        }
