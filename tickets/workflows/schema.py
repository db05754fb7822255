"""The JSON Schema of a workflow document: what the validator checks, and what editors show to authors."""

from __future__ import annotations

import copy
from typing import Any

from tickets.gates import registry
from tickets.gates.checks import approvals
from tickets.workflows.blocked_class import BlockedClass
from tickets.workflows.discovery_schema import DISCOVERIES, FIX
from tickets.workflows.task_schema import STALL_AFTER_S, TASKS
from tickets.workflows.wip_schema import WIP

BLOCKED, CANCELLED = "BLOCKED", "CANCELLED"  # every workflow has these, so no document names them
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PHASE = r"^[A-Z][A-Z0-9_]{0,59}$"
# Effects and checks that documents may name one day; today they are refused as not available yet.
LATER = frozenset({"land", "open_pull_request", "no_unread_blocking_message"})


PHASE_NAMES: dict[str, Any] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "string",
        "pattern": PHASE,
        "title": "Phase",
        "description": "The name of a phase of this document.",
    },
}
GATE: dict[str, Any] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "required": ["check"],
        "properties": {"check": {"type": "string"}},
        "title": "Check",
        "description": "A check and its parameters.",
    },
    "title": "Gate",
    "description": "The checks that must all pass before a ticket may move on to a later phase.",
}
ON_FAILURE: dict[str, Any] = {
    "type": "object",
    "anyOf": [{"required": ["tasks"]}, {"required": ["send_back"]}, {"required": ["block"]}],
    "additionalProperties": False,
    "properties": {
        "tasks": {**TASKS, "minItems": 1, "description": "The tasks to add. Not together with send_back."},
        "send_back": {
            "type": "string",
            "pattern": PHASE,
            "title": "Send back",
            "description": "The earlier phase to which the ticket goes back, with the refusal.",
        },
        "rounds": {
            "type": "integer",
            "minimum": 1,
            "maximum": 20,
            "title": "Rounds",
            "description": "How many times tasks are added in one stay, or a ticket is sent back in all. "
            "Without it: once.",
        },
        "block": {
            "enum": list(BlockedClass.values),
            "title": "Block",
            "description": "The ticket is blocked with this class: at once, or when the rounds are used up. "
            "Without it, the ticket stays and waits for a person.",
        },
    },
    "title": "On failure",
    "description": "What happens when all work is done but the gate refuses. Without it, the ticket stays "
    "and waits for a person. Needs a gate and `automatic: on_completion`, or `approvals`.",
}
EFFECT: dict[str, Any] = {
    "type": "object",
    "title": "Effect",
    "description": "What happens, once for each time a ticket enters the phase.",
    "required": ["notify"],
    "additionalProperties": False,
    "properties": {
        "notify": {
            "type": "object",
            "title": "Notify",
            "description": "Puts the ticket on the attention list, until somebody of the role has seen it.",
            "required": ["role"],
            "additionalProperties": False,
            "properties": {
                "role": {
                    "enum": ["viewer", "operator", "approver", "admin"],
                    "title": "Role",
                    "description": "Who is told: the members of the project with this role or a higher one.",
                }
            },
        }
    },
}
APPROVALS: dict[str, Any] = {
    **approvals.SCHEMA,
    "title": "Approvals",
    "description": "How many people must approve the evidence before a ticket may move on to a later phase.",
}
PHASE_ENTRY: dict[str, Any] = {
    "type": "object",
    "title": "Phase",
    "description": "A step of the ticket, from which it moves on.",
    "required": ["name", "to"],
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "pattern": PHASE,
            "not": {"enum": [BLOCKED, CANCELLED]},
            "title": "Name",
            "description": "Capital letters, digits and _, such as IN_REVIEW. Every workflow has BLOCKED and "
            "CANCELLED anyway.",
        },
        "to": {
            **PHASE_NAMES,
            "uniqueItems": True,
            "title": "Moves",
            "description": "The phases to which a ticket may go from here. Empty for a last phase, where a "
            "ticket is done.",
        },
        "automatic": {
            "enum": ["on_claim", "on_completion"],
            "title": "Automatic move",
            "description": "on_claim: the tasks of the next phase can be claimed here, and the first claim "
            "moves the ticket on. on_completion: the ticket moves on when all tasks are done and the gate "
            "opens.",
        },
        "blocked_to": {
            **PHASE_NAMES,
            "title": "Return from BLOCKED",
            "description": "The phases to which a ticket that is blocked here may return: this one or "
            "earlier ones. Without it: all of these.",
        },
        "tasks": {**TASKS, "description": "The tasks that are added when a ticket enters the phase."},
        "gate": GATE,
        "on_failure": ON_FAILURE,
        "approvals": APPROVALS,
        "fix": FIX,
        "effects": {
            "type": "array",
            "maxItems": 10,
            "items": EFFECT,
            "title": "Effects",
            "description": "What happens when a ticket enters the phase.",
        },
        "wip": WIP,
        "stall_after_s": {
            **STALL_AFTER_S,
            "description": "The seconds without progress after which a claim of this phase is stalled; 0: "
            "never. A task can say its own. Without it, what the project says counts.",
        },
    },
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "title": "Omoi workflow",
    "description": "The phases of a ticket, the moves between them, and what must be true before a move.",
    "required": ["name", "phases"],
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "pattern": NAME,
            "title": "Name",
            "description": "Small letters, digits and _, such as software_delivery. Installed again, the "
            "document becomes the next version of this name.",
        },
        "start": {
            "type": "string",
            "pattern": PHASE,
            "title": "Start",
            "description": "The phase of a new ticket. Without it: the first phase.",
        },
        "phases": {
            "type": "array",
            "minItems": 2,
            "maxItems": 50,
            "items": PHASE_ENTRY,
            "title": "Phases",
            "description": "The phases in order: a move to a later one goes on, to an earlier one goes back.",
        },
        "discoveries": DISCOVERIES,
    },
}


def schema() -> dict[str, Any]:
    """`SCHEMA` with the registered checks, for editors and authors of documents."""
    document = copy.deepcopy(SCHEMA)
    gate = document["properties"]["phases"]["items"]["properties"]["gate"]
    gate["items"] = {
        "title": "Check",
        "description": GATE["items"]["description"],
        "oneOf": [_entry(check) for _, check in sorted(registry.registered().items()) if not check.own_key],
    }
    return document


def _entry(check: registry.GateCheck) -> dict[str, Any]:
    named = {"const": check.name, "title": "Check", "description": check.description}
    return {
        "type": "object",
        "title": check.name,
        "description": check.description,
        "required": ["check", *check.parameters["required"]],
        "additionalProperties": False,
        "properties": {"check": named, **check.parameters["properties"]},
        **({"oneOf": ways} if (ways := check.parameters.get("oneOf")) else {}),
    }
