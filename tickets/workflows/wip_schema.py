"""The part of the JSON Schema of workflow documents that limits the tickets in a phase."""

from __future__ import annotations

from typing import Any

MOST_TICKETS = 1_000

WIP: dict[str, Any] = {
    "type": "object",
    "title": "Work in progress",
    "description": "How many tickets of a project may stand in the phase, and which work waits while it is "
    "full.",
    "required": ["limit"],
    "additionalProperties": False,
    "properties": {
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_TICKETS,
            "title": "Limit",
            "description": "With so many tickets the phase is full: automatic moves and those of agents into "
            "it wait. A person may move one in on purpose.",
        },
        "oldest_s": {
            "type": "integer",
            "minimum": 60,
            "maximum": 90 * 86400,
            "title": "Oldest",
            "description": "The seconds a ticket of the phase may wait for people. After them, the phases in "
            "`holds` are held too. Needs holds.",
        },
        "holds": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "uniqueItems": True,
            "items": {
                "type": "string",
                "pattern": r"^[A-Z][A-Z0-9_]{0,59}$",
                "title": "Phase",
                "description": "The name of an earlier phase of this document.",
            },
            "title": "Holds",
            "description": "Earlier phases whose tasks nobody is granted while this phase is full.",
        },
    },
}
