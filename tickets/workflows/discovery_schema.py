"""The parts of the JSON Schema of workflow documents about discoveries and failed validations."""

from __future__ import annotations

from typing import Any

from tickets.workflows.discovery_types import TYPE, USUAL
from tickets.workflows.task_schema import TASK

WORK: dict[str, Any] = {name: how for name, how in TASK["properties"].items() if name not in ("ref", "needs")}
ONLY_TASK = frozenset(
    {"phase", "capabilities", "kind", "profile", "slots", "timeout_s", "stall_after_s", "max_attempts"}
)
ONLY_TICKET = frozenset({"workflow"})

DISCOVERY: dict[str, Any] = {
    "type": "object",
    "title": "Discovery",
    "description": "What becomes of a discovery of this type.",
    "required": ["make"],
    "additionalProperties": False,
    "properties": {
        "make": {
            "enum": ["task", "ticket"],
            "title": "Make",
            "description": "A task of the same ticket, or a ticket of its own that is linked to it.",
        },
        "phase": {
            "type": "string",
            "pattern": r"^[A-Z][A-Z0-9_]{0,59}$",
            "title": "Phase",
            "description": "The phase of the task. Without it: where the work of the ticket is. If the "
            "ticket has left the phase, a ticket is opened instead.",
        },
        "workflow": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_]{0,62}$",
            "title": "Workflow",
            "description": "The workflow of the ticket. Without it: that of the project.",
        },
        **WORK,
        "title": {
            **WORK["title"],
            "description": "Without it: the title of the discovery, as {discovery}. {ticket}, {title} and "
            "{phase} are replaced too.",
        },
        "description": {
            **WORK["description"],
            "description": "What to do about it. The text of the discovery follows it. The words of the "
            "title are replaced here too.",
        },
        "kind": {**WORK["kind"], "description": "The kind of work. Without it: the type of the discovery."},
        "priority": {**WORK["priority"], "description": "Without it: that of the ticket."},
    },
}
DISCOVERIES: dict[str, Any] = {
    "type": "object",
    "title": "Discoveries",
    "description": "What becomes of what agents find on the way, by its type, such as "
    f"{', '.join(USUAL)}. A type that is not here waits for a person.",
    "maxProperties": 50,
    "propertyNames": {"pattern": TYPE},
    "additionalProperties": DISCOVERY,
}
FIX: dict[str, Any] = {
    "type": "object",
    "title": "Fix",
    "description": "The task that is added when a task of this phase fails validation. The failed one waits "
    "for it and is then done again.",
    "additionalProperties": False,
    "properties": {
        **WORK,
        "title": {
            **WORK["title"],
            "description": "Without it: Fix: {task}. {task} is the title of the failed task; {ticket}, "
            "{title} and {phase} are replaced too.",
        },
        "description": {
            **WORK["description"],
            "description": "What to do. What failed follows it. The words of the title are replaced here "
            "too.",
        },
        "kind": {**WORK["kind"], "description": "The kind of work. Without it: fix."},
        "priority": {
            **WORK["priority"],
            "description": "Without it: high, or that of the failed task if it is more urgent.",
        },
        "capabilities": {
            **WORK["capabilities"],
            "description": "The skills that an agent must have. Without them: those of the failed task.",
        },
    },
}
