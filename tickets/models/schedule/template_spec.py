"""TemplateSpec: a template to create, and its tasks as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from omoi_site.errors import Faults, Invalid
from tickets.models.schedule.variables import Variable
from tickets.models.task.task_spec import NeedSpec, TaskSpec
from tickets.models.ticket.fields import Priority

MOST_TASKS = 200
# What a task of a template cannot say: its ticket is not there yet, and it may be opened at any time.
NOT_OF_TEMPLATE = {
    "needed_by": "no task of another ticket can wait for a task of a template",
    "not_before": "a task of a template has no time of its own",
    "deadline": "a task of a template has no time of its own",
}
_DEFAULTS = asdict(TaskSpec(""))


@dataclass(frozen=True)
class TemplateSpec:
    """A template to create. workflow: its name; empty: that of the project."""

    name: str
    title: str
    description: str = ""
    priority: int = Priority.MEDIUM
    labels: Sequence[str] = ()
    acceptance: Sequence[str] = ()
    workflow: str = ""
    tasks: Sequence[TaskSpec] = ()
    variables: Sequence[Variable] = ()


def stored_tasks(tasks: Sequence[TaskSpec]) -> list[dict[str, Any]]:
    """The fields of each that are not usual. Raises Invalid for tasks that no template can have."""
    if len(tasks) > MOST_TASKS:
        raise Invalid(f"at most {MOST_TASKS} tasks are allowed; there are {len(tasks)}", field="tasks")
    faults = Faults()
    for place, task in enumerate(tasks):
        for name, fault in NOT_OF_TEMPLATE.items():
            if getattr(task, name):
                faults.add(f"tasks.{place}.{name}", fault)
        for number, need in enumerate(task.needs):
            if isinstance(need.on, int):
                wrong = "a task of a template needs others of it by their ref"
                faults.add(f"tasks.{place}.needs.{number}", wrong)
    faults.check()
    return [
        {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(task).items()
            if value != _DEFAULTS[name] and name not in NOT_OF_TEMPLATE
        }
        | {"title": task.title}
        for task in tasks
    ]


def task_of(stored: Mapping[str, Any]) -> TaskSpec:
    """The task of these stored fields."""
    needs = [NeedSpec(**need) for need in stored.get("needs", ())]
    return TaskSpec(**{**stored, "needs": needs})
