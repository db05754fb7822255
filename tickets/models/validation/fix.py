"""The task that puts right what failed validation; the failed task then waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omoi_site import field_limits
from omoi_site.errors import OmoiError, short
from tickets.models.gate.check_run import WORKFLOW
from tickets.models.task.need import Edge, Need
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.workflow_tasks import PRIORITIES, filled

if TYPE_CHECKING:
    from tickets.models.ticket.ticket import Ticket

TITLE = "Fix: {task}"


def add(failed: int, ticket: Ticket, error: str) -> int:
    """Add the fix that the workflow describes for the phase, and let the failed task need it. If the
    workflow's cannot be added, it is the usual one, which says why. Returns its id.
    """
    task = ticket.tasks.get(pk=failed)
    rule = (ticket.plan[task.phase].fix if task.phase in ticket.plan else None) or {}
    try:
        made = _insert(ticket, _spec(task, ticket, rule, error))
    except OmoiError as fault:
        if not rule:
            raise
        why = f"The workflow describes another fix, which cannot be added: {fault.message}"
        made = _insert(ticket, _spec(task, ticket, {"description": why}, error))
    # if the fix does not succeed, the failed task stays where it is, and a person decides
    Need.objects.insert(ticket.project_id, [Edge(made, failed)], by=WORKFLOW)
    return made


def _insert(ticket: Ticket, spec: TaskSpec) -> int:
    [made] = ticket.tasks.model.objects.insert(ticket, [spec], by=WORKFLOW)
    return int(made)


def _spec(task: Any, ticket: Ticket, rule: dict[str, Any], error: str) -> TaskSpec:
    words = {"ticket": ticket.key, "title": ticket.title, "phase": task.phase, "task": task.title}
    rule = filled({"title": TITLE, **rule}, words)
    values = {name: value for name, value in rule.items() if name not in ("title", "description", "priority")}
    text = [rule.get("description", ""), f"{task.key} failed: {error or 'no reason given'}"]
    return TaskSpec(
        short(rule["title"], field_limits.longest(type(task), "title")),
        description=short("\n\n".join(filter(None, text)), field_limits.longest(type(task), "description")),
        phase=task.phase,
        priority=PRIORITIES[rule["priority"]] if "priority" in rule else min(task.priority, Priority.HIGH),
        **{"kind": "fix", "capabilities": task.capabilities, **values},
    )
