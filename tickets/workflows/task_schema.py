"""The part of the JSON Schema of workflow documents that describes the tasks they add."""

from __future__ import annotations

from typing import Any

CAPABILITY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "title": "Capability",
    "description": "A skill that an agent must have, such as python.",
}
STALL_AFTER_S: dict[str, Any] = {
    "type": "integer",
    "minimum": 0,
    "maximum": 30 * 86400,
    "title": "Stalled after",
}
TASK: dict[str, Any] = {
    "type": "object",
    "title": "Task",
    "description": "A task that is added to the ticket.",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {
        "ref": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "title": "Reference",
            "description": "A name for this task, so that later tasks of this list can need it.",
        },
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": 300,
            "title": "Title",
            "description": "What to do, in one line. {ticket}, {title} and {phase} are replaced by those of "
            "the ticket.",
        },
        "description": {
            "type": "string",
            "maxLength": 20_000,
            "title": "Description",
            "description": "The task in full. {ticket}, {title} and {phase} are replaced here too.",
        },
        "kind": {
            "type": "string",
            "minLength": 1,
            "maxLength": 60,
            "title": "Kind",
            "description": "The kind of work, such as review. Without it: task.",
        },
        "priority": {
            "enum": ["critical", "high", "medium", "low"],
            "title": "Priority",
            "description": "How soon the task is given out. Without it: medium.",
        },
        "capabilities": {
            "type": "array",
            "items": CAPABILITY,
            "maxItems": 100,
            "title": "Capabilities",
            "description": "The skills that an agent must have to claim the task.",
        },
        "needs": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "type": "string",
                "title": "Reference",
                "description": "The `ref` of an earlier task of this list.",
            },
            "title": "Needs",
            "description": "The tasks that must be completed before this one can be claimed.",
        },
        "profile": {
            "type": "string",
            "maxLength": 60,
            "title": "Profile",
            "description": "The profile with which a worker runs the task. It must be installed.",
        },
        "slots": {
            "type": "object",
            "title": "Slots",
            "description": "The values for the slots of the profile. {ticket}, {title} and {phase} are "
            "replaced here too.",
        },
        "timeout_s": {
            "type": "integer",
            "minimum": 1,
            "maximum": 30 * 86400,
            "title": "Timeout",
            "description": "The seconds that one attempt may take.",
        },
        "stall_after_s": {
            **STALL_AFTER_S,
            "description": "The seconds without progress after which a claim of it is stalled; 0: never. "
            "Without it, what the phase or the project says counts.",
        },
        "max_attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "title": "Attempts",
            "description": "How many times the task is tried before it has failed. Without it: 3.",
        },
    },
}
TASKS: dict[str, Any] = {"type": "array", "maxItems": 100, "items": TASK, "title": "Tasks"}
