"""The form that applies a pattern to a ticket: what every one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from django.http import QueryDict

from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models import PatternRequest, Ticket
from tickets.models.task.readiness import READY_WHEN
from tickets.pages.patterns.drawing import task_status
from tickets.pages.patterns.fields import LINE, MARKED, Field, Fields

MOST_LISTED = 300  # tasks to choose from, the newest first
SHOWN = ("pk", "title", "unsatisfiable", *READY_WHEN)  # what is read of each of them
EMPTY = {"required_count": "Empty: all", "timeout_seconds": "Empty: without a limit"}
CHOICES = {"fail": "fail", "continue": "continue with what there is"}
OTHERS = {"continue": "continue", "cancel": "are cancelled"}


class PatternForm:
    """`typed`: what was sent; None at first."""

    names: Mapping[str, str] = {}  # the field for the beginning of a path in the document

    def __init__(self, ticket: Ticket, typed: QueryDict | None) -> None:
        self.ticket = ticket
        self.typed = typed
        self.faults: list[str] = []
        self.headline = ""

    @cached_property
    def fields(self) -> Fields:
        return Fields(list(self.own_fields()), self.typed)

    def own_fields(self) -> Sequence[Field]:
        raise NotImplementedError

    def request(self, key: str) -> PatternRequest:
        """What to apply. Raises Invalid with the faults of fields."""
        self.fields.check()
        return self.made(key)

    def made(self, key: str) -> PatternRequest:
        raise NotImplementedError

    def refuse(self, error: OmoiError) -> None:
        self.faults = self.fields.refused(error, self.names)
        self.headline = self._headline(error)

    def _headline(self, error: OmoiError) -> str:
        """What stands above the fields. Each fault is told once: there, in the list below or at its field."""
        if len(self.faults) == 1:
            return self.faults[0]
        if self.faults:
            return f"nothing was added: put these {len(self.faults)} things right"
        return (
            MARKED if LINE.match(error.message) and any(one.error for one in self.fields) else error.message
        )

    @cached_property
    def tasks(self) -> list[tuple[str, str]]:
        """The tasks to choose from, with their states."""
        found = self.ticket.tasks.exclude(state="cancelled").order_by("-id")
        return [
            (str(task.pk), f"{self.ticket.key}.{task.pk} {task.title} ({task_status(task)})")
            for task in found.values_list(*SHOWN, named=True)[:MOST_LISTED]
        ]

    @property
    def phases(self) -> list[tuple[str, str]]:
        return [(phase.name, humanize.phase(phase.name)) for phase in self.ticket.plan.phases if phase.to]

    def task(self, name: str, label: str) -> Field:
        newest = self.tasks[0][0] if len(self.tasks) == 1 else ""
        return Field(name, label, "choice", newest, [("", "Choose a task"), *self.tasks])

    def several(self, name: str, label: str) -> Field:
        return Field(name, label, "tasks", choices=self.tasks)
