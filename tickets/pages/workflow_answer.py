"""What the validator says to the text of a workflow, and what somebody saved while it was written."""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

from agents.models import Event
from tickets.models import Workflow
from tickets.models.workflow_preview import Preview
from tickets.pages.phase_drawing import PhaseDrawing, draw

LINE = re.compile(r"^line \d+: ")


class Note(NamedTuple):
    """A fault beside its line, of which `length` characters stand before it; without a line, 0."""

    line: int
    message: str
    length: int


class Newer(NamedTuple):
    """The version in force, and the other one that an author began with: 0 for a new workflow, whose name is
    taken then.
    """

    workflow: Workflow
    base: int

    @property
    def by(self) -> str:
        """Who saved it; empty for one that is shipped."""
        saved = Event.objects.filter(topic=f"workflow:{self.workflow.name}", number=self.workflow.version)
        return saved.values_list("actor", flat=True).first() or ""


def newer_than(base: int, newest: Workflow) -> Newer | None:
    return Newer(newest, base) if newest.version != base else None


class Answer:
    """What the validator says to a text: its faults, the phases drawn, and what would change.

    base: the version that the author began with.
    """

    def __init__(self, preview: Preview, base: int) -> None:
        self.preview = preview
        self.base = base

    @cached_property
    def faults(self) -> list[Note]:
        lines = ["", *self.preview.text.split("\n")]
        return [
            Note(line, LINE.sub("", fault["message"]), len(lines[line]) if line < len(lines) else 0)
            for fault in self.preview.faults
            for line in [fault.get("line", 0)]
        ]

    @property
    def notes(self) -> list[Note]:
        """The first fault of each line."""
        by_line = {fault.line: fault for fault in reversed(self.faults) if fault.line}
        return [by_line[line] for line in sorted(by_line)]

    @property
    def newer(self) -> Newer | None:
        return newer_than(self.base, self.preview.newest) if self.preview.newest else None

    @cached_property
    def drawing(self) -> PhaseDrawing | None:
        return draw(self.preview.plan) if self.preview.plan else None
