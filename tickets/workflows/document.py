"""A workflow document: phases in order, the moves between them, what they do by themselves.

Read from YAML or a dict, checked against `SCHEMA` and for sense; every fault is named at once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema

from omoi_site.errors import Invalid
from tickets.gates import registry
from tickets.workflows import plain_yaml

BLOCKED, CANCELLED = "BLOCKED", "CANCELLED"  # every workflow has them without naming them
SHIPPED = Path(__file__).parent / "shipped"
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PHASE = r"^[A-Z][A-Z0-9_]{0,59}$"
COUNTED = 1_000  # faults of its shape: each costs time to find

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
                "description": "{ticket}, {title} and {phase} are filled in",
            },
            "description": {"type": "string", "maxLength": 20_000},
            "kind": {"type": "string", "minLength": 1, "maxLength": 60},
            "priority": {"enum": ["critical", "high", "medium", "low"]},
            "capabilities": {"type": "array", "items": CAPABILITY, "maxItems": 100},
            "needs": {"type": "array", "items": {"type": "string"}, "description": "refs of this list"},
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
                        "description": "where a ticket blocked here may return to; without it, here or to any earlier phase",
                    },
                    "tasks": {**TASKS, "description": "added when a ticket enters"},
                    "gate": {
                        "type": "array",
                        "maxItems": 50,
                        "items": {
                            "type": "object",
                            "required": ["check"],
                            "properties": {"check": {"type": "string"}},
                        },
                        "description": "checks that must pass before a ticket goes on; parameters stand beside `check`",
                    },
                    "on_failure": {
                        "type": "object",
                        "required": ["tasks"],
                        "additionalProperties": False,
                        "properties": {
                            "tasks": {**TASKS, "minItems": 1},
                            "rounds": {"type": "integer", "minimum": 1, "maximum": 20},
                        },
                        "description": "tasks added when all work is done and the gate refuses, at most `rounds` times in one stay",
                    },
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
    gate: tuple[dict[str, Any], ...] = ()
    tasks: tuple[dict[str, Any], ...] = ()
    on_failure: dict[str, Any] | None = None
    blocked_to: tuple[str, ...] | None = None

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

    @property
    def seeds_needs(self) -> bool:
        """Whether a move may add tasks that wait for each other."""
        seeds = (
            seed
            for phase in self.phases
            for seed in (*phase.tasks, *(phase.on_failure or {}).get("tasks", ()))
        )
        return any(seed.get("needs") for seed in seeds)

    def up_to(self, name: str) -> tuple[str, ...]:
        """This phase and the earlier ones."""
        return tuple(phase.name for phase in self.phases if phase.position <= self[name].position)

    def way_back(self, name: str) -> tuple[str, ...]:
        """Where a ticket that was blocked in this phase may return to."""
        narrowed = self[name].blocked_to
        return (
            self.up_to(name)
            if narrowed is None
            else tuple(phase for phase in self.up_to(name) if phase in narrowed)
        )

    def after(self, name: str) -> str | None:
        """The phase a ticket goes to when it moves on by itself: the first later one it may go to."""
        here = self[name]
        return next((to for to in here.to if self[to].position > here.position), None)

    def works_in(self, name: str) -> str:
        """The phase to which work belongs that is added without one while a ticket stands in `name`."""
        after = self.after(name) if self[name].automatic == "on_claim" else None
        return after if after and not self[after].terminal else name

    def open_in(self, phase: str) -> set[str]:
        """Phases whose tasks may be claimed while the ticket stands in `phase`."""
        if phase not in self:
            return set()
        after = self.after(phase) if self[phase].automatic == "on_claim" else None
        return {phase, after} if after else {phase}


def read(source: str | bytes | Path | dict[str, Any]) -> Plan:
    """Check a document (a dict, YAML text or a file) and return its plan; raises InvalidWorkflow with every
    fault.
    """
    if isinstance(source, Path):
        source = source.read_bytes()
    if isinstance(source, (str, bytes)):
        try:
            source = plain_yaml.load(source)
        except ValueError as error:
            raise InvalidWorkflow(errors=[_fault("", str(error))]) from error
    found = list(islice(jsonschema.Draft202012Validator(SCHEMA).iter_errors(source), COUNTED))
    faults = [
        _fault(".".join(str(step) for step in error.absolute_path), error.message)
        for error in sorted(found, key=lambda error: list(map(str, error.absolute_path)))
    ]
    try:
        for where, message in (
            () if any(error.validator == "maxItems" for error in found) else _faults(source)
        ):
            faults.append(_fault(where, message))
    except (LookupError, TypeError, AttributeError, ValueError):
        if not faults:  # else its shape is what keeps it from being looked at any further
            raise
    if faults or not isinstance(source, dict):
        raise InvalidWorkflow(errors=faults)
    return plan(source)


def plan(document: dict[str, Any]) -> Plan:
    """The plan of a document that was checked when it was stored: what is known of checks by now does not
    matter to it.
    """
    phases = tuple(
        Phase(
            phase["name"],
            place,
            tuple(phase["to"]),
            phase.get("automatic", ""),
            tuple(phase.get("gate", ())),
            tuple(phase.get("tasks", ())),
            phase.get("on_failure"),
            tuple(phase["blocked_to"]) if "blocked_to" in phase else None,
        )
        for place, phase in enumerate(document["phases"])
    )
    return Plan(document["name"], document.get("start", phases[0].name), phases, document)


def seeds(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each task a document lets a phase begin with or adds to it, and where it stands."""
    for place, phase in enumerate(document["phases"]):
        for where, tasks in (
            ("tasks", phase.get("tasks", ())),
            ("on_failure.tasks", phase.get("on_failure", {}).get("tasks", ())),
        ):
            for number, seed in enumerate(tasks):
                yield f"phases.{place}.{where}.{number}", seed


def schema() -> dict[str, Any]:
    """`SCHEMA` with the checks there are, for editors and for whoever writes documents."""
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


def _fault(where: str, message: str) -> dict[str, str]:
    return {"field": where, "code": "invalid_workflow", "message": message}


def _faults(document: Any) -> Iterator[tuple[str, str]]:
    """What makes no sense, though its shape may be right."""
    names = [phase["name"] for phase in document["phases"]]
    for place, phase in enumerate(document["phases"]):
        at, later = f"phases.{place}", names[place + 1 :]
        if phase["name"] in names[:place]:
            yield f"{at}.name", f"{phase['name']} is there twice"
        for to in phase["to"]:
            if to not in names:
                yield f"{at}.to", f"{to} is not a phase of this workflow"
            elif to == phase["name"]:
                yield f"{at}.to", f"{to} leads to itself"
        if phase.get("automatic") and not any(to in later for to in phase["to"]):
            yield f"{at}.automatic", "needs a later phase to move on to"
        if (
            phase.get("automatic") == "on_claim"
            and (on := _next(phase, later))
            and not document["phases"][names.index(on)]["to"]
        ):
            yield (
                f"{at}.automatic",
                f"{on} is a last phase and has no work that could be claimed: on_completion",
            )
        if phase.get("tasks") and not phase["to"]:
            yield f"{at}.tasks", "a ticket is done when it gets here: a last phase has no work"
        for to in phase.get("blocked_to", ()):
            if to not in names[: place + 1]:
                yield f"{at}.blocked_to", f"{to} is not this phase or an earlier one"
        if phase.get("gate") and not any(to in later for to in phase["to"]):
            yield f"{at}.gate", "guards nothing: no later phase can be reached from here"
        if phase.get("gate") and phase.get("automatic") == "on_claim":
            yield (
                f"{at}.gate",
                "cannot stand where tasks of the next phase are claimed before the move: automatic: on_completion",
            )
        if phase.get("on_failure") and not (phase.get("gate") and phase.get("automatic") == "on_completion"):
            yield f"{at}.on_failure", "needs a gate, and automatic: on_completion"
        for number, asked in enumerate(phase.get("gate", ())):
            for message in _faults_of(asked):
                yield f"{at}.gate.{number}", message
        for where, tasks in (
            ("tasks", phase.get("tasks", ())),
            ("on_failure.tasks", phase.get("on_failure", {}).get("tasks", ())),
        ):
            for number, message in _faults_of_seeds(tasks):
                yield f"{at}.{where}.{number}", message
    start = document.get("start", names[0])
    if start not in names:
        yield "start", f"{start} is not a phase of this workflow"


def _next(phase: dict[str, Any], later: Sequence[str]) -> str | None:
    return next((to for to in phase["to"] if to in later), None)


def _faults_of(asked: dict[str, Any]) -> list[str]:
    check = registry.registered().get(asked["check"])
    if check is None:
        return [f"there is no check {asked['check']}; there are: {', '.join(sorted(registry.registered()))}"]
    return check.faults({name: value for name, value in asked.items() if name != "check"})


def _faults_of_seeds(seeds: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    before: set[str] = set()
    for number, seed in enumerate(seeds):
        for ref in seed.get("needs", ()):
            if ref not in before:
                yield number, f"needs {ref}, which is no ref of a task before it"
        if ref := seed.get("ref"):
            if ref in before:
                yield number, f"ref {ref} is there twice"
            before.add(ref)
