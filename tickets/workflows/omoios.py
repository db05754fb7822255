"""Reads the workflow files of OmoiOS: phases with `id` and `allowed_transitions`.

Phases, their order and the moves between them become a document of ours. What has no place in one is left
out, and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema

from tickets.workflows.fault_texts import sentence
from tickets.workflows.faults import Fault, faults_of
from tickets.workflows.schema import BLOCKED

PREFIX = "PHASE_"
READ = {"id", "name", "sequence_order", "allowed_transitions", "is_terminal"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "phases"],
    "properties": {
        "name": {"type": "string"},
        "phases": {
            "type": "array",
            "maxItems": 51,  # BLOCKED is one of them
            "items": {
                "type": "object",
                "required": ["id", "allowed_transitions"],
                "properties": {
                    "id": {"type": "string"},
                    "sequence_order": {"type": "number"},
                    "allowed_transitions": {"type": "array", "maxItems": 51, "items": {"type": "string"}},
                },
            },
        },
    },
}


@dataclass(frozen=True)
class Converted:
    document: dict[str, Any]
    faults: list[Fault]
    left_out: tuple[str, ...]


def matches(document: Any) -> bool:
    """Whether this is such a file."""
    phases = document.get("phases") if isinstance(document, dict) else None
    return isinstance(phases, list) and any(
        isinstance(phase, dict) and "allowed_transitions" in phase for phase in phases[:51]
    )


def read(document: dict[str, Any]) -> Converted:
    """Our document; with `faults`, which have their paths in the file, it is not usable."""
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    wrong = [
        Fault(path, sentence(error, document, path))
        for error in errors
        for path in [tuple(error.absolute_path)]
    ]
    if wrong:
        return Converted({}, list(dict.fromkeys(wrong)), ())
    numbered = [
        (number, phase)
        for number, phase in enumerate(document["phases"])
        if _short(phase["id"]) != BLOCKED  # every workflow has it
    ]
    numbered.sort(key=lambda entry: entry[1].get("sequence_order", entry[0]))
    ours = {
        "name": re.sub(r"[^a-z0-9]+", "_", document["name"].lower()).strip("_"),
        "phases": [
            {"name": _short(phase["id"]), "to": [to for _, to in _moves(phase)]} for _, phase in numbered
        ],
    }
    faults = [fault._replace(path=_in_file(fault.path, numbered)) for fault in faults_of(ours)]
    return Converted(ours, faults, tuple(sorted(set(_left_out(document)))))


def _short(name: str) -> str:
    return name.removeprefix(PREFIX)


def _moves(phase: dict[str, Any]) -> list[tuple[int, str]]:
    """The moves that a document of ours names, each with its number in the file."""
    named = enumerate(map(_short, phase["allowed_transitions"]))
    return [(number, to) for number, to in named if to != BLOCKED]


def _in_file(path: tuple[Any, ...], numbered: list[tuple[int, dict[str, Any]]]) -> tuple[Any, ...]:
    """The path in the file of a path in our document."""
    match path:
        case ("phases", int(place), *rest):
            number, phase = numbered[place]
            match rest:
                case ["name", *_]:
                    rest = ["id"]
                case ["to", int(move)]:
                    rest = ["allowed_transitions", _moves(phase)[move][0]]
                case ["to", *_]:
                    rest = ["allowed_transitions"]
            return ("phases", number, *rest)
    return path


def _left_out(document: dict[str, Any]) -> Iterator[str]:
    yield from document.keys() - {"name", "phases"}
    for phase in document["phases"]:
        yield from (f"phases.{key}" for key in phase.keys() - READ)
