"""The JSON Schema of a pattern document: what the validator checks, and what editors show to authors."""

from __future__ import annotations

from typing import Any

from tickets.workflows.task_schema import CAPABILITY

NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,59}$"
MOST_TASKS = 1_000
MOST_NEEDS = 10_000  # of all its tasks together
STRATEGIES = ("combine", "union", "intersection", "majority", "first", "custom")
JOINS = ("all", "first", "majority")
PRIORITIES = ("critical", "high", "medium", "low")

ID: dict[str, Any] = {
    "type": "string",
    "pattern": NAME,
    "title": "Name",
    "description": "How other parts of the pattern name it.",
}
TASK_ID: dict[str, Any] = {
    "type": ["string", "integer"],
    "title": "Task",
    "description": "An id or key of a task, a name of this pattern, or an argument such as "
    "${source_task_id}.",
}
TASK_IDS: dict[str, Any] = {"type": "array", "minItems": 1, "maxItems": MOST_TASKS, "items": TASK_ID}
PHASE: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 70,
    "title": "Phase",
    "description": "The phase of the task. Without it: that of the tasks it needs.",
}
TITLE: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 300,
    "title": "Title",
    "description": "In one line. {ticket}, {title} and {phase} are replaced by those of the ticket.",
}
PRIORITY: dict[str, Any] = {
    "enum": [*PRIORITIES, *(name.upper() for name in PRIORITIES)],
    "title": "Priority",
    "description": "Without it: that of the task that is needed first.",
}
PROFILE: dict[str, Any] = {
    "type": "string",
    "maxLength": 60,
    "title": "Profile",
    "description": "The profile with which a worker runs it. It must be installed.",
}
SLOTS: dict[str, Any] = {
    "type": "object",
    "title": "Slots",
    "description": "The values for the slots of the profile.",
}
EDGE: dict[str, Any] = {
    "when": {
        "enum": ["success", "failure", "always"],
        "title": "When",
        "description": "How the tasks it needs must end. Without it: success.",
    },
    "on_failure": {
        "enum": ["hold", "cancel", "continue"],
        "title": "If one does not",
        "description": "hold: a person decides. cancel: it is cancelled. continue: that is no obstacle.",
    },
}
OTHERS: dict[str, Any] = {
    "enum": ["continue", "cancel"],
    "title": "The others",
    "description": "What becomes of tasks that have not ended when enough have: they continue (without it),"
    " or they are cancelled.",
}
COUNT: dict[str, Any] = {
    "type": "integer",
    "minimum": 1,
    "title": "Required",
    "description": "How many of the tasks must end as needed. Without it: all.",
}
TASK: dict[str, Any] = {
    "type": "object",
    "title": "Task",
    "anyOf": [{"required": ["title"]}, {"required": ["description"]}, {"required": ["task_type"]}],
    "additionalProperties": False,
    "properties": {
        "id": ID,
        "title": TITLE,
        "description": {
            "type": "string",
            "maxLength": 20_000,
            "title": "Description",
            "description": "The task in full. Without a title, its first line is the title.",
        },
        "task_type": {
            "type": "string",
            "minLength": 1,
            "maxLength": 60,
            "title": "Kind",
            "description": "The kind of work, such as review. Without it: task.",
        },
        "phase_id": PHASE,
        "priority": PRIORITY,
        "required_capabilities": {
            "type": "array",
            "items": CAPABILITY,
            "maxItems": 100,
            "title": "Capabilities",
            "description": "The skills that an agent must have to claim it.",
        },
        "profile": PROFILE,
        "slots": SLOTS,
        "timeout_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": 30 * 86400,
            "title": "Timeout",
            "description": "The seconds that one attempt may take.",
        },
        "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100, "title": "Attempts"},
    },
}


def _block(kind: str, about: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "title": kind,
        "description": about,
        "required": ["id", *required],
        "additionalProperties": False,
        "properties": {"type": {"const": kind.lower(), "title": "Type"}, "id": ID, **properties, **EDGE},
    }


SPLIT = _block(
    "Split",
    "Tasks that share the work of one: they can be claimed when it is completed.",
    ["source_task_id", "target_tasks"],
    source_task_id=TASK_ID,
    target_tasks={
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_TASKS,
        "items": TASK,
        "title": "Tasks",
        "description": "The new tasks. Others name them by their `id`, or as split_task_1, split_task_2 "
        "and so on.",
    },
)
SYNC = _block(
    "Sync",
    "Waits until enough tasks have ended as needed.",
    [],
    waiting_task_ids=TASK_IDS,
    required_count=COUNT,
    timeout_seconds={
        "type": "integer",
        "minimum": 1,
        "maximum": 30 * 86400,
        "title": "Timeout",
        "description": "The seconds from when the first of the tasks can be worked on.",
    },
    on_timeout={
        "enum": ["fail", "continue"],
        "title": "On timeout",
        "description": "fail (without it), or continue with what there is.",
    },
    others=OTHERS,
    title=TITLE,
    phase_id=PHASE,
)
MERGE = _block(
    "Merge",
    "Makes one result from those of several tasks.",
    ["merge_strategy"],
    source_task_ids=TASK_IDS,
    merge_strategy={"enum": list(STRATEGIES), "title": "Strategy"},
    required_count=COUNT,
    title=TITLE,
    phase_id=PHASE,
    priority=PRIORITY,
    profile=PROFILE,
    slots=SLOTS,
)
JOIN = _block(
    "Join",
    "One task that goes on from several.",
    ["continuation_task"],
    source_task_ids=TASK_IDS,
    continuation_task=TASK,
    merge_strategy={
        "enum": list(dict.fromkeys([*JOINS, *STRATEGIES])),
        "title": "Strategy",
        "description": "all, first or majority: how many of the tasks it needs. The others: their results "
        "are merged first.",
    },
    others=OTHERS,
)
# The key of each block that names the tasks it needs.
SOURCES = {
    "split": "source_task_id",
    "sync": "waiting_task_ids",
    "merge": "source_task_ids",
    "join": "source_task_ids",
}
BLOCKS = {"split": SPLIT, "sync": SYNC, "merge": MERGE, "join": JOIN}
ABOUT: dict[str, Any] = {
    "name": {"type": "string", "pattern": NAME, "title": "Name"},
    "description": {"type": "string", "maxLength": 20_000, "title": "Description"},
}
WHOLE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "title": "Omoi pattern",
    "description": "Tasks and the needs between them, added to a ticket in one act.",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        **ABOUT,
        "pattern": SPLIT,
        "sync_points": {"type": "array", "maxItems": 100, "items": SYNC, "title": "Syncs"},
        "merge": MERGE,
        "join": JOIN,
    },
}


def alone(kind: str) -> dict[str, Any]:
    """The schema of a document that is one block of this type."""
    block = BLOCKS[kind]
    properties = {**ABOUT, **block["properties"]}
    return {
        **block,
        "required": list(dict.fromkeys([*block["required"], SOURCES[kind]])),
        "properties": properties,
    }


def schema() -> dict[str, Any]:
    """For editors and authors of documents."""
    return {
        "$schema": WHOLE["$schema"],
        "title": WHOLE["title"],
        "anyOf": [
            {key: value for key, value in WHOLE.items() if key != "$schema"},
            *({**alone(kind), "required": ["type", *alone(kind)["required"]]} for kind in BLOCKS),
        ],
    }
