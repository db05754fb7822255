"""The pages of workflows: what they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings

from agents.models import Event, Project, rights
from tickets.gates import registry
from tickets.models import Workflow
from tickets.models.workflow import DEFAULT
from tickets.models.workflow_preview import Preview, preview
from tickets.models.workflow_usage import Usage, followers, usage
from tickets.pages.phase_drawing import PhaseDrawing, draw
from tickets.workflows.fault_texts import available
from tickets.workflows.schema import SCHEMA
from tickets.workflows.text import DiffLine, difference

EXAMPLE = settings.ROOT / "docs/examples/reviewed_change.yaml"
NEW = """\
name: my_workflow     # small letters, digits and _
phases:
- name: DOING         # tickets begin here
  to: [DONE]          # and go on there, once the gate opens:
  gate:
  - {check: artifact, type: report}            # somebody has submitted a report
  approvals: {count: 1, role: approver}        # and one person has approved it
- name: DONE
  to: []              # no way on: a ticket is done here
"""
LINE = re.compile(r"^line \d+: ")
NAME = re.compile(r"^name:.*$", re.MULTILINE)
EDIT = "admin"
VERSIONS = 100  # listed, the newest first; older ones have their addresses too


class Version(NamedTuple):
    """A version, who saved it (empty for one that is shipped), and its open tickets by project."""

    workflow: Workflow
    by: str
    usage: Sequence[Usage]

    @property
    def number(self) -> int:
        return self.workflow.version

    @property
    def tickets(self) -> int:
        return sum(row.tickets for row in self.usage)

    @property
    def more(self) -> bool:
        return any(row.more for row in self.usage)


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


def listed(who: Any) -> list[Listed]:
    """Every workflow, with what this person sees of its use."""
    used, projects = usage(who), followers(who)
    return [
        Listed(
            workflow,
            [row for row in used if row.name == workflow.name],
            projects.get(workflow.name, []),
        )
        for workflow in Workflow.objects.newest().order_by("name")
    ]


class Note(NamedTuple):
    """A fault beside its line, of which `length` characters stand before it; without a line, 0."""

    line: int
    message: str
    length: int


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
    def overtaken(self) -> bool:
        """Whether somebody has saved a newer version since."""
        return self.preview.newest is not None and self.preview.newest.version != self.base

    @cached_property
    def drawing(self) -> PhaseDrawing | None:
        return draw(self.preview.plan) if self.preview.plan else None


class WorkflowPage:
    """One version of a workflow, or with an empty name a new one.

    typed: a text that somebody wants to save. base: the version that they began with; without it, the one in
    force.
    """

    def __init__(
        self,
        who: Any,
        name: str,
        shown: Workflow | None,
        typed: str | None = None,
        base: int | None = None,
    ) -> None:
        self.who = who
        self.name = name
        self.shown = shown
        self.typed = typed
        self._base = base

    @cached_property
    def may_edit(self) -> bool:
        """Whether this person may save versions. The verb decides; here it decides what is offered."""
        return may_edit(self.who)

    @property
    def editable(self) -> bool:
        return self.may_edit and self.current

    @property
    def current(self) -> bool:
        """Whether it is the version in force, or a new workflow."""
        return self.shown is None or self.shown == self.newest

    @cached_property
    def newest(self) -> Workflow | None:
        return Workflow.objects.filter(name=self.name).order_by("-version").first() if self.name else None

    @property
    def base(self) -> int:
        """The version that the next one must follow; 0 for a new workflow."""
        if self._base is not None:
            return self._base
        return self.newest.version if self.newest else 0

    @cached_property
    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        if not self.name:
            return []
        used = usage(self.who, self.name)
        saved = dict(Event.objects.filter(topic=f"workflow:{self.name}").values_list("number", "actor"))
        return [
            Version(
                workflow,
                saved.get(workflow.version, ""),
                [row for row in used if row.version == workflow.version],
            )
            for workflow in Workflow.objects.filter(name=self.name).defer("document", "source")[:VERSIONS]
        ]

    @property
    def used(self) -> list[Version]:
        """The versions that have open tickets."""
        return [version for version in self.versions if version.usage]

    @cached_property
    def others_of_projects(self) -> list[str]:
        """The projects whose new tickets follow another workflow."""
        seen = Project.objects.seen_by(self.who).order_by("key").values_list("key", "workflow")
        return [key for key, own in seen if (own or DEFAULT) != self.name]

    @property
    def outdated(self) -> bool:
        """Whether open tickets are on other versions than the one in force."""
        return any(version.number != self.base for version in self.used)

    @property
    def latest(self) -> Version:
        return self.versions[0]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The parts that a phase may have, each with what it means."""
        parts = SCHEMA["properties"]["phases"]["items"]["properties"]
        return [(name, part["description"]) for name, part in parts.items() if available(part)]

    @property
    def checks(self) -> list[tuple[str, list[str], str]]:
        """The checks that a gate may have: name, parameters, and what passes each."""
        return [
            (name, [*check.parameters["properties"]], check.description)
            for name, check in sorted(registry.registered().items())
        ]

    @property
    def others(self) -> list[str]:
        """The names of all workflows, of which a new one can be a copy."""
        return [workflow.name for workflow in Workflow.objects.newest().order_by("name").only("name")]

    @cached_property
    def projects(self) -> list[str]:
        return followers(self.who).get(self.name, [])

    @property
    def text(self) -> str:
        if self.typed is not None:
            return self.typed
        return self.shown.text if self.shown else NEW

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1

    @property
    def numbers(self) -> str:
        """The numbers of the lines, one below the other."""
        return "\n".join(map(str, range(1, self.lines + 1)))

    @cached_property
    def answer(self) -> Answer | None:
        """What the validator says to the text in the editor."""
        if not self.editable:
            return None
        return Answer(preview(self.text, name=self.name, by=self.who), self.base)

    @cached_property
    def drawing(self) -> PhaseDrawing | None:
        if self.answer:
            return self.answer.drawing
        return draw(self.shown.plan) if self.shown else None

    @property
    def changes(self) -> list[DiffLine] | None:
        """What the version in force has changed since the one that is shown."""
        assert self.shown
        assert self.newest
        return difference(self.shown.text, self.newest.text)


def may_edit(who: Any) -> bool:
    return EDIT in rights.scopes(who)


def copy_of(text: str, name: str) -> str:
    """The text of a document for a new workflow of this name."""
    return NAME.sub(f"name: {name}", text, count=1)
