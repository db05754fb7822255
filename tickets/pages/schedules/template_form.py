"""The form of a template: what its tickets say, its tasks as YAML, and its variables, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import yaml
from django.http import QueryDict

from agents.api.parsing import checked
from agents.models import Project
from omoi_site.errors import Faults, Invalid, OmoiError
from tickets.api.ticket_templates import TicketTemplateTasksIn, task_document, written_out
from tickets.models import Priority, TaskSpec, TicketTemplate
from tickets.models.schedule.variables import OF_TIME, Variable
from tickets.models.workflow import allowed
from tickets.pages.patterns.fields import Field, Fields
from tickets.pages.work_form import several
from tickets.workflows import plain_yaml

USUAL = task_document(TaskSpec(""))
VARIABLES_HINT = (
    "One a line: name | label | default. Without a default it must be filled in. Always there: "
    + ", ".join(f"{{{name}}}" for name in OF_TIME)
)
TASKS_HINT = (
    "YAML, one item a task: title, and if wanted ref, needs, capabilities, phase, description, priority,"
    " profile, slots"
)
EXAMPLE = """- title: Build {version}
  ref: build
- title: Ship {version}
  needs: [build]
"""


class TemplateForm:
    """template: the one to edit; None: a new one."""

    def __init__(
        self, project: Project, typed: QueryDict | None, *, template: TicketTemplate | None = None
    ) -> None:
        self.project, self.typed, self.template = project, typed, template
        self.others: list[str] = []

    @cached_property
    def fields(self) -> Fields:
        one = self.template or TicketTemplate(project=self.project)
        names = allowed(self.project.workflow, self.project.workflows)
        workflows = [("", f"That of the project ({names[0]})"), *((name, name) for name in names)]
        priorities = [(name.lower(), name.capitalize()) for name in Priority.names]
        own = [
            Field("name", "Name", default=one.name, hint="Small letters, such as nightly-audit"),
            Field(
                "title",
                "Title of its tickets",
                default=one.title,
                hint="With variables, such as Audit of {date}",
            ),
            Field("description", "Description", "area", one.description, optional=True),
            Field("priority", "Priority", "choice", one.priority_name, priorities),
            Field("workflow", "Workflow", "choice", one.workflow, workflows, optional=True),
            Field(
                "labels",
                "Labels",
                default=", ".join(one.labels),
                hint="Separated by commas",
                optional=True,
            ),
            Field(
                "acceptance",
                "Acceptance criteria",
                "area",
                "\n".join(one.acceptance),
                hint="One a line",
                optional=True,
            ),
            Field(
                "variables",
                "Variables",
                "area",
                "\n".join(map(_line, one.declared)),
                hint=VARIABLES_HINT,
                optional=True,
            ),
            Field("tasks", "Tasks", "document", _text(one.task_specs), hint=TASKS_HINT, optional=True),
        ]
        return Fields(own, self.typed)

    def values(self) -> dict[str, Any]:
        """What is asked for, as the verbs take it. Raises Invalid with the faults by field."""
        self.fields.check()
        priority = self.fields.text("priority").upper()
        return {
            "name": self.fields.text("name"),
            "title": self.fields.text("title"),
            "description": self.fields.by_name["description"].value,
            "priority": Priority[priority].value if priority in Priority.names else Priority.MEDIUM,
            "workflow": self.fields.text("workflow"),
            "labels": several(self.fields.text("labels")),
            "acceptance": self.fields.lines("acceptance"),
            "variables": [_variable(line) for line in self.fields.lines("variables")],
            "tasks": _tasks(self.fields.by_name["tasks"].value),
        }

    def refuse(self, error: OmoiError) -> None:
        """Put the messages beside their fields, each with the task or line that it means."""
        faults = Faults()
        for fault in error.more.get("errors", ()):
            field, _, inside = str(fault["field"]).partition(".")
            place, _, name = inside.partition(".")
            what = f"{'task' if field == 'tasks' else 'line'} {int(place) + 1}" if place.isdigit() else ""
            told = ", ".join(filter(None, [what, name.replace(".", " ")]))
            faults.add(field, f"{told}: {fault['message']}" if told else fault["message"])
        self.others = self.fields.refused(faults.refusal if faults.found else error, {})


def _line(variable: Variable) -> str:
    parts = [variable.name, variable.label, variable.default]
    while parts and not parts[-1] and (len(parts) == 2 or parts[-1] is None):
        parts.pop()
    return " | ".join(part or "" for part in parts)


def _variable(line: str) -> Variable:
    name, *more = [part.strip() for part in line.split("|", 2)]
    return Variable(name, more[0] if more else "", more[1] if len(more) > 1 else None)


def _text(tasks: Sequence[TaskSpec]) -> str:
    """The tasks as YAML, each with what is not usual."""
    if not tasks:
        return ""
    shown = []
    for task in map(task_document, tasks):
        own = {name: value for name, value in task.items() if name == "title" or value != USUAL[name]}
        if all((need["when"], need["on_failure"]) == ("success", "hold") for need in task["needs"]):
            own |= {"needs": [need["task"] for need in task["needs"]]} if task["needs"] else {}
        shown.append(own)
    return str(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100))


def _tasks(text: str) -> list[TaskSpec]:
    if not text.strip():
        return []
    try:
        document = plain_yaml.parse(text).document
    except plain_yaml.Unreadable as error:
        where = f"line {error.line}: " if error.line else ""
        raise Invalid(f"{where}{error}", field="tasks") from error
    tasks: list[TaskSpec] = written_out(checked(TicketTemplateTasksIn, {"tasks": document}))["tasks"]
    return tasks
