"""What is said of a ticket before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.fields import Priority, TicketFields
from tickets.models.workflow import Workflow


@dataclass(frozen=True)
class TicketSpec:
    """A ticket to be opened, with its tasks.

    workflow: one, or the name of one its project allows; None: the project's own. phase: where it begins;
    empty: its workflow's first. Another takes the right to force a move, and `reason`. follow_up: the ticket
    it continues, mostly one that is done and takes no more tasks.
    """

    title: str
    description: str = ""
    priority: int = Priority.MEDIUM
    labels: Sequence[str] = ()
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
        """What is stored with the ticket as it is said here."""
        named = {"title": self.title, "description": self.description, "priority": self.priority}
        return named | {
            "labels": list(self.labels),
            "parent": self.parent,
            "source": self.source,
            "source_id": self.source_id,
        }
