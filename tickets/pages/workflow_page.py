"""The pages of workflows: what they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import Event, Project, rights
from tickets.gates import registry
from tickets.models import Workflow
from tickets.models.workflow import DEFAULT
from tickets.models.workflow_preview import preview
from tickets.models.workflow_usage import Usage, followers, usage
from tickets.pages.phase_drawing import PhaseDrawing, draw
from tickets.pages.topics import of_projects
from tickets.pages.workflow_answer import Answer, Newer, newer_than
from tickets.workflows.schema import SCHEMA
from tickets.workflows.text import DiffLine, difference

EXAMPLE = settings.ROOT / "docs/examples/reviewed_change.yaml"
NEW = """\
name: my_workflow     # small letters, digits and _
phases:
- name: DOING         # tickets begin here
  to: [DONE]          # and go on there, once the gate opens:
  gate:
  - {check: artifact, type: report}       # somebody has submitted a report
  approvals: {count: 1, role: approver}   # and one person has approved it
- name: DONE
  to: []              # no way on: a ticket is done here
"""
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


class WorkflowPage:
    """One version of a workflow, or with an empty name a new one.

    typed: a text that somebody wants to save. base: the version that they began with; without it, the one in
    force. number: the version that the address names; empty: the one in force.
    """

    def __init__(
        self,
        who: Any,
        name: str,
        shown: Workflow | None,
        typed: str | None = None,
        base: int | None = None,
        number: str = "",
    ) -> None:
        self.who = who
        self.number = number
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
        return [project.key for project in self._seen if (project.workflow or DEFAULT) != self.name]

    @cached_property
    def _seen(self) -> list[Project]:
        return list(Project.objects.seen_by(self.who).order_by("key"))

    @property
    def outdated(self) -> bool:
        """Whether open tickets are on other versions than the one in force."""
        return any(version.number != self.latest.number for version in self.used)

    @property
    def latest(self) -> Version:
        return self.versions[0]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The parts that a phase may have, each with what it means."""
        parts = SCHEMA["properties"]["phases"]["items"]["properties"]
        return [(name, part["description"]) for name, part in parts.items()]

    @property
    def checks(self) -> list[tuple[str, list[str], str]]:
        """The checks that a gate may have: name, parameters, and what passes each."""
        return [
            (name, [*check.parameters["properties"]], check.description)
            for name, check in sorted(registry.registered().items())
        ]

    @property
    def newer(self) -> Newer | None:
        """The version in force, if somebody began with another one."""
        return newer_than(self.base, self.newest) if self.newest else None

    @property
    def topics(self) -> str:
        """What the page follows live: new versions, and the projects that may use it."""
        return " ".join([f"workflow:{self.name}", *of_projects(self._seen)])

    @property
    def address(self) -> str:
        """Of its live part: what somebody writes stays on the version that they began with."""
        asked = {"version": self.number, "base": self.base if self.editable or self._base else ""}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{reverse('workflow', args=[self.name])}{'?' if query else ''}{query}"

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
