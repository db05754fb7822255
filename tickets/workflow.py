"""A workflow document: phases in order, the moves between them, what they do by themselves.

Read from YAML or a dict, checked against `SCHEMA` and for sense; every fault is named at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from omoi_site.errors import Invalid

BLOCKED, CANCELLED = "BLOCKED", "CANCELLED"  # every workflow has them without naming them
SHIPPED = Path(__file__).parent / "workflows"
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PHASE = r"^[A-Z][A-Z0-9_]{0,59}$"

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
                    "to": {"type": "array", "items": {"type": "string", "pattern": PHASE}, "uniqueItems": True},
                    "automatic": {"enum": ["on_claim", "on_completion"]},
                },
            },
        },
    },
}


class InvalidWorkflow(Invalid):
    """The document cannot be a workflow; `errors` names every fault."""

    code = "invalid_workflow"
    title = "The workflow document is not valid"


@dataclass(frozen=True)
class Phase:
    """One phase: `position` counts from 0, `to` are the phases a ticket may go to from here."""

    name: str
    position: int
    to: tuple[str, ...]
    automatic: str = ""

    @property
    def terminal(self) -> bool:
        return not self.to


@dataclass(frozen=True)
class Plan:
    """A checked document, ready to ask."""

    name: str
    start: str
    phases: tuple[Phase, ...]
    document: dict[str, Any] = field(compare=False)

    def __getitem__(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    def __contains__(self, name: str) -> bool:
        return any(phase.name == name for phase in self.phases)

    def after(self, name: str) -> str | None:
        """The phase a ticket goes to when it moves on by itself: the first later one it may go to."""
        here = self[name]
        return next((to for to in here.to if self[to].position > here.position), None)

    def open_in(self, phase: str) -> set[str]:
        """Phases whose tasks may be claimed while the ticket stands in `phase`."""
        if phase not in self:
            return set()
        after = self.after(phase) if self[phase].automatic == "on_claim" else None
        return {phase, after} if after else {phase}


def read(source: str | bytes | Path | dict[str, Any]) -> Plan:
    """Check a document (a dict, YAML text or a file) and return its plan; raises InvalidWorkflow with every fault."""
    if isinstance(source, Path):
        source = source.read_bytes()
    if not isinstance(source, dict):
        try:
            source = yaml.safe_load(source)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidWorkflow(f"not readable as YAML: {error}") from error
    faults = [
        {"field": ".".join(str(step) for step in error.absolute_path), "code": "invalid_workflow", "message": error.message}
        for error in sorted(
            jsonschema.Draft202012Validator(SCHEMA).iter_errors(source), key=lambda error: list(map(str, error.absolute_path))
        )
    ]
    if faults or not isinstance(source, dict):
        raise InvalidWorkflow(errors=faults)
    return _plan(source)


def _plan(document: dict[str, Any]) -> Plan:
    names = [phase["name"] for phase in document["phases"]]
    faults: list[dict[str, str]] = []

    def fault(where: str, message: str) -> None:
        faults.append({"field": where, "code": "invalid_workflow", "message": message})

    for place, phase in enumerate(document["phases"]):
        if phase["name"] in names[:place]:
            fault(f"phases.{place}.name", f"{phase['name']} is there twice")
        for to in phase["to"]:
            if to not in names:
                fault(f"phases.{place}.to", f"{to} is not a phase of this workflow")
            elif to == phase["name"]:
                fault(f"phases.{place}.to", f"{to} leads to itself")
        if phase.get("automatic") and not any(to in names[place + 1 :] for to in phase["to"]):
            fault(f"phases.{place}.automatic", "needs a later phase to move on to")
    start = document.get("start", names[0])
    if start not in names:
        fault("start", f"{start} is not a phase of this workflow")
    if faults:
        raise InvalidWorkflow(errors=faults)
    phases = tuple(
        Phase(phase["name"], place, tuple(phase["to"]), phase.get("automatic", "")) for place, phase in enumerate(document["phases"])
    )
    return Plan(document["name"], start, phases, document)
