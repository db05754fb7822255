"""Faults of a workflow document: those of its shape, and those of its meaning when the shape is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jsonschema

from tickets.gates import registry
from tickets.workflows.fault_texts import did_you_mean, place, sentence
from tickets.workflows.schema import SCHEMA

COUNTED = 1_000  # at most so many of either kind: each takes time to find
Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """path: the part with the fault; inner: the rest of the path to the line that is shown."""

    path: Path
    message: str
    inner: Path = ()

    @property
    def field(self) -> str:
        return ".".join(map(str, self.path))

    @property
    def at(self) -> Path:
        return (*self.path, *self.inner)


def faults_of(document: Any) -> list[Fault]:
    """All faults of a document, without duplicates."""
    errors = list(islice(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document), COUNTED))
    faults = [_of_shape(error, document) for error in errors]
    faults.sort(key=lambda fault: list(map(str, fault.path)))
    if any(error.validator == "maxItems" for error in errors):
        return faults
    try:
        faults.extend(islice(_of_sense(document), COUNTED))
    except (LookupError, TypeError, AttributeError, ValueError):
        if not faults:  # with faults in its shape, the meaning cannot be checked further
            raise
    return faults


def _of_shape(error: jsonschema.ValidationError, document: Any, above: Path = ()) -> Fault:
    path = (*above, *error.absolute_path)
    unknown: Path = ()
    if error.validator == "additionalProperties":
        allowed = error.schema.get("properties", {})
        unknown = tuple(sorted(str(name) for name in error.instance if name not in allowed)[:1])
    return Fault(path, sentence(error, document, path), unknown)


def _of_sense(document: Any) -> Iterator[Fault]:
    names = [phase["name"] for phase in document["phases"]]
    for number, phase in enumerate(document["phases"]):
        at: Path = ("phases", number)
        for field, message, *inner in _of_phase(phase, number, names, document):
            yield Fault((*at, field), message, tuple(inner))
        for entry, checked in enumerate(phase.get("gate", ())):
            yield from _of_check(checked, (*at, "gate", entry), document)
        for path, seeds in seeds_of(phase):
            for seed, message in _of_seeds(seeds):
                where = (*at, *path, seed)
                yield Fault(where, f"{place(document, where)} {message}")
    start = document.get("start", names[0])
    if start not in names:
        yield Fault(("start",), f"`start` is {start}, which is not a phase{did_you_mean(start, names)}")


def _of_phase(
    phase: dict[str, Any], number: int, names: Sequence[str], document: Any
) -> Iterator[tuple[Any, ...]]:
    """Field, message, and the rest of the path from the field to the exact place."""
    name, later = phase["name"], names[number + 1 :]
    onward = next((to for to in phase["to"] if to in later), None)
    if name in names[:number]:
        yield "name", f"phase {name} appears twice"
    for index, to in enumerate(phase["to"]):
        if to not in names:
            yield "to", f"phase {name} moves to {to}, which is not a phase{did_you_mean(to, names)}", index
        elif to == name:
            yield "to", f"phase {name} moves to itself", index
    if phase.get("automatic") and not onward:
        yield "automatic", f"phase {name} is automatic but has no later phase to move to"
    if phase.get("automatic") == "on_claim" and onward and not document["phases"][names.index(onward)]["to"]:
        yield (
            "automatic",
            f"phase {name} moves on when work of {onward} is claimed, but {onward} is a last phase and has"
            " no work; use on_completion",
        )
    if phase.get("tasks") and not phase["to"]:
        yield (
            "tasks",
            f"phase {name} is a last phase and cannot have tasks: a ticket there is done",
        )
    for index, to in enumerate(phase.get("blocked_to", ())):
        if to not in names[: number + 1]:
            hint = did_you_mean(to, names[: number + 1])
            yield (
                "blocked_to",
                f"phase {name} returns to {to}, which is neither this phase nor an earlier one{hint}",
                index,
            )
    if phase.get("gate") and not onward:
        yield "gate", f"phase {name} has a gate, but no later phase can be reached from it"
    if phase.get("gate") and phase.get("automatic") == "on_claim":
        yield (
            "gate",
            f"phase {name} has a gate, but moves on when work of the next phase is claimed, before the gate"
            " can be judged; use automatic: on_completion",
        )
    if phase.get("on_failure") and not (phase.get("gate") and phase.get("automatic") == "on_completion"):
        yield "on_failure", f"phase {name} has on_failure, which needs a gate and automatic: on_completion"


def _of_check(entry: dict[str, Any], path: Path, document: Any) -> Iterator[Fault]:
    checks = registry.registered()
    check = checks.get(entry["check"])
    if check is None:
        hint = did_you_mean(entry["check"], checks) or f"; known checks: {', '.join(sorted(checks))}"
        yield Fault(path, f"{place(document, path)} is {entry['check']}, which is not a check{hint}")
        return
    for error in check.errors({name: value for name, value in entry.items() if name != "check"}):
        fault = _of_shape(error, document, path)
        yield Fault(path, f"{fault.message} (check {entry['check']})", fault.at[len(path) :])


def seeds_of(phase: dict[str, Any]) -> list[tuple[Path, Sequence[dict[str, Any]]]]:
    """The task lists of a phase, each with its path in the phase."""
    return [
        (("tasks",), phase.get("tasks", ())),
        (("on_failure", "tasks"), phase.get("on_failure", {}).get("tasks", ())),
    ]


def _of_seeds(seeds: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    before: set[str] = set()
    for number, seed in enumerate(seeds):
        for ref in seed.get("needs", ()):
            if ref not in before:
                yield number, f"needs {ref}, but no earlier task has this ref{did_you_mean(ref, before)}"
        if ref := seed.get("ref"):
            if ref in before:
                yield number, f"has the ref {ref}, but an earlier task has it too"
            before.add(ref)
