"""The JSON Schema of a workflow document."""

from __future__ import annotations

import copy
from typing import Any

from tickets.gates import registry

BLOCKED, CANCELLED = "BLOCKED", "CANCELLED"  # every workflow has these, so no document names them
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PHASE = r"^[A-Z][A-Z0-9_]{0,59}$"

CAPABILITY = {"type": "string", "minLength": 1, "maxLength": 100}
TASKS: dict[str, Any] = {
    "type": "array",
    "maxItems": 100,
    "items": {
        "type": "object",
        "required": ["title"],
        "additionalProperties": False,
        "properties": {
            "ref": {"type": "string", "minLength": 1, "maxLength": 100},
            "title": {
                "type": "string",
                "minLength": 1,
                "maxLength": 300,
                "description": "{ticket}, {title} and {phase} are replaced",
            },
            "description": {"type": "string", "maxLength": 20_000},
            "kind": {"type": "string", "minLength": 1, "maxLength": 60},
            "priority": {"enum": ["critical", "high", "medium", "low"]},
            "capabilities": {"type": "array", "items": CAPABILITY, "maxItems": 100},
            "needs": {
                "type": "array",
                "items": {"type": "string"},
                "description": "refs in this list",
            },
            "profile": {"type": "string", "maxLength": 60},
            "slots": {"type": "object"},
            "timeout_s": {"type": "integer", "minimum": 1, "maximum": 30 * 86400},
            "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100},
        },
    },
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "phases"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": NAME},
        "start": {"type": "string", "pattern": PHASE},
        "phases": {
            "type": "array",
            "minItems": 2,
            "maxItems": 50,
            "items": {
                "type": "object",
                "required": ["name", "to"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": PHASE, "not": {"enum": [BLOCKED, CANCELLED]}},
                    "to": {
                        "type": "array",
                        "items": {"type": "string", "pattern": PHASE},
                        "uniqueItems": True,
                    },
                    "automatic": {"enum": ["on_claim", "on_completion"]},
                    "blocked_to": {
                        "type": "array",
                        "items": {"type": "string", "pattern": PHASE},
                        "description": "where a ticket blocked here may return to (default: here or earlier)",
                    },
                    "tasks": {**TASKS, "description": "added when a ticket enters the phase"},
                    "gate": {
                        "type": "array",
                        "maxItems": 50,
                        "items": {
                            "type": "object",
                            "required": ["check"],
                            "properties": {"check": {"type": "string"}},
                        },
                        "description": "checks that must pass before a ticket moves on, with parameters",
                    },
                    "on_failure": {
                        "type": "object",
                        "required": ["tasks"],
                        "additionalProperties": False,
                        "properties": {
                            "tasks": {**TASKS, "minItems": 1},
                            "rounds": {"type": "integer", "minimum": 1, "maximum": 20},
                        },
                        "description": (
                            "tasks added, at most `rounds` times, if all work is done but the gate is closed"
                        ),
                    },
                },
            },
        },
    },
}


def schema() -> dict[str, Any]:
    """`SCHEMA` with the registered checks, for editors and authors of documents."""
    document = copy.deepcopy(SCHEMA)
    gate = document["properties"]["phases"]["items"]["properties"]["gate"]
    gate["items"] = {
        "oneOf": [
            {
                "type": "object",
                "required": ["check", *check.parameters["required"]],
                "additionalProperties": False,
                "properties": {"check": {"const": name}, **check.parameters["properties"]},
            }
            for name, check in sorted(registry.registered().items())
        ]
    }
    return document
