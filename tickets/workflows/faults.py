"""Faults of a workflow document: those of its shape, and those of its meaning where the shape allows it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jsonschema

from omoi_site import field_limits
from tickets.gates import registry
from tickets.workflows import discovery_faults, reach, wip_faults
from tickets.workflows.fault_texts import did_you_mean, later_effect, place, sentence, unknown_key
from tickets.workflows.schema import LATER, SCHEMA

COUNTED = 200  # at most so many of each kind: each takes time to find
FREE_TEXTS = {"title", "description", "slots"}  # may have line breaks, and characters that join letters
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
    faults = list(islice((fault for error in errors for fault in of_shape(error, document)), COUNTED))
    faults.sort(key=lambda fault: list(map(str, fault.path)))
    if not any(error.validator == "maxItems" for error in errors):
        faults.extend(islice(unseen(document, document), COUNTED))
        if len(errors) < COUNTED:
            faults.extend(islice(_of_sense(_without_wrong_types(document, errors)), COUNTED))
    return list(dict.fromkeys(faults))


def repeated(document: Any, path: Path, key: str, lines: Sequence[int]) -> Fault:
    """The fault of a key that a mapping has on all these lines."""
    there = " and ".join(map(str, lines[:2])) + (" and others" if len(lines) > 2 else "")
    return Fault(path, f"{place(document, path)} has `{key}` more than once, in lines {there}", (key,))


def of_shape(error: jsonschema.ValidationError, document: Any, above: Path = ()) -> Iterator[Fault]:
    path = (*above, *error.absolute_path)
    if "effects" in path[-2:-1] and (later := later_effect(error.instance)):
        yield Fault(path, f"{place(document, path)} ({later}) is not available yet")
    elif error.validator == "additionalProperties":
        allowed = error.schema.get("properties", {})
        for key in sorted(str(name) for name in error.instance if name not in allowed):
            if not field_limits.shown_fault(key):
                yield Fault(path, unknown_key(key, allowed, place(document, path)), (key,))
    elif error.validator != "pattern" or not field_limits.shown_fault(error.instance):
        yield Fault(path, sentence(error, document, path))


def unseen(part: Any, document: Any, path: Path = ()) -> Iterator[Fault]:
    """Names with invisible characters: they look like another name, but are not equal to it."""
    match part:
        case dict():
            for key, value in part.items():
                if wrong := field_limits.shown_fault(key):
                    yield Fault(path, f"`{key}` of {place(document, path)}: {wrong}", (key,))
                elif key not in FREE_TEXTS:
                    yield from unseen(value, document, (*path, key))
                elif key == "title" and isinstance(value, str) and (wrong := field_limits.blank_fault(value)):
                    yield Fault((*path, key), f"{place(document, (*path, key))}: {wrong}")
        case list():
            for index, value in enumerate(part):
                yield from unseen(value, document, (*path, index))
        case str() if wrong := field_limits.shown_fault(part):
            yield Fault(path, f"{place(document, path)}: {wrong}")


def _without_wrong_types(document: Any, errors: Sequence[jsonschema.ValidationError]) -> Any:
    """The document without the parts that are of another type than the schema says, so that the meaning of
    the others can be checked. An item of a list becomes None.
    """
    wrong = [list(error.absolute_path) for error in errors if error.validator == "type"]
    if not wrong:
        return document
    if [] in wrong:
        return {}
    document = copy.deepcopy(document)
    for *path, last in sorted(wrong, key=len, reverse=True):
        part = document
        for step in path:
            part = part[step]
        if isinstance(part, list):
            part[last] = None
        else:
            del part[last]
    return document


def _of_sense(document: dict[str, Any]) -> Iterator[Fault]:
    phases = [(number, phase) for number, phase in enumerate(document.get("phases", ())) if phase is not None]
    names = [phase.get("name") for _, phase in phases]
    for number, phase in phases:
        at: Path = ("phases", number)
        for field, message, *inner in _of_phase(phase, names[:number], names, phases):
            yield Fault((*at, field), message, tuple(inner))
        for entry, checked in enumerate(phase.get("gate", ())):
            if checked and "check" in checked:
                yield from _of_check(checked, (*at, "gate", entry), document)
        for path, seeds in seeds_of(phase):
            for seed, message in _of_seeds(seeds):
                where = (*at, *path, seed)
                yield Fault(where, f"{place(document, where)} {message}")
    known = [name for name in names if name]
    start = document.get("start", names[0] if names else None)
    if start and start not in known:
        yield Fault(("start",), f"`start` is {start}, which is not a phase{did_you_mean(start, known)}")
    for path, message in reach.faults(phases, start):
        yield Fault(("phases", *path), message)
    for path, message in discovery_faults.faults(document, phases):
        yield Fault(path, message)


def _of_phase(
    phase: dict[str, Any], earlier: Sequence[Any], names: Sequence[Any], phases: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    """Field, message, and the rest of the path from the field to the exact place."""
    name = phase.get("name")
    called, known = f"phase {name}" if name else "a phase without name", [name for name in names if name]
    here = [*filter(None, earlier), *filter(None, [name])]
    moves = [(index, to) for index, to in enumerate(phase.get("to", ())) if to is not None]
    onward = next((to for _, to in moves if to in known and to not in here), None)
    if name and name in earlier:
        yield "name", f"phase {name} appears twice"
    for index, to in moves:
        if to not in known:
            yield "to", f"{called} moves to {to}, which is not a phase{did_you_mean(to, known)}", index
        elif to == name:
            yield "to", f"{called} moves to itself", index
    for index, to in enumerate(phase.get("blocked_to", ())):
        if to is not None and to not in here:
            hint = did_you_mean(to, here)
            yield (
                "blocked_to",
                f"{called} returns to {to}, which is neither this phase nor an earlier one{hint}",
                index,
            )
    gated = next((key for key in ("gate", "approvals") if phase.get(key)), "")
    guard = "a gate" if gated == "gate" else "approvals"
    if gated and phase.get("automatic") == "on_claim":
        yield (
            gated,
            f"{called} has {guard}, but moves on when work of the next phase is claimed, before the gate"
            " can be judged; use automatic: on_completion",
        )
    for message, *inner in _of_failure(phase, called, [name for name in earlier if name]):
        yield ("on_failure", message, *inner)
    for message, *inner in wip_faults.faults(phase, called, earlier, known):
        yield ("wip", message, *inner)
    by_name = {other["name"]: other for _, other in phases if other.get("name")}
    if name and by_name[name] is phase and (circle := wip_faults.circle(phase, called, by_name)):
        yield "on_failure", circle, "send_back"
    if None in phase.get("to", [None]):
        return  # where the phase leads is not known
    if phase.get("automatic") in ("on_claim", "on_completion") and not onward:
        yield "automatic", f"{called} is automatic but has no later phase to move to"
    if gated and not onward:
        yield gated, f"{called} has {guard}, but no later phase can be reached from it"
    if phase.get("automatic") == "on_claim" and onward:
        last = next(other for _, other in phases if other.get("name") == onward).get("to") == []
        if last:
            yield (
                "automatic",
                f"{called} moves on when work of {onward} is claimed, but {onward} is a last phase and has"
                " no work; use on_completion",
            )
    if phase.get("tasks") and not phase["to"]:
        yield "tasks", f"{called} is a last phase and cannot have tasks: a ticket there is done"


def _of_check(entry: dict[str, Any], path: Path, document: Any) -> Iterator[Fault]:
    checks, name = registry.registered(), entry["check"]
    check = checks.get(name)
    if name in LATER:
        yield Fault(path, f"{place(document, path)} is {name}, which is not available yet")
        return
    if check is None:
        hint = did_you_mean(name, checks) or f"; known checks: {', '.join(sorted(checks))}"
        yield Fault(path, f"{place(document, path)} is {name}, which is not a check{hint}")
        return
    if check.own_key:
        yield Fault(path, f"{place(document, path)} is {name}; write `{name}` as a key of the phase instead")
        return
    for error in check.errors({key: value for key, value in entry.items() if key != "check"}):
        for fault in of_shape(error, document, path):
            yield Fault(path, f"{fault.message} (check {name})", fault.at[len(path) :])


def seeds_of(phase: dict[str, Any]) -> list[tuple[Path, Sequence[dict[str, Any]]]]:
    """The task lists of a phase, each with its path in the phase."""
    return [
        (("tasks",), phase.get("tasks", ())),
        (("on_failure", "tasks"), phase.get("on_failure", {}).get("tasks", ())),
    ]


def _of_failure(phase: dict[str, Any], called: str, earlier: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Message, and the rest of the path from `on_failure` to the exact place."""
    rule = phase.get("on_failure")
    if rule is None:
        return
    automatic = phase.get("gate") and phase.get("automatic") == "on_completion"
    if not (automatic or phase.get("approvals")):
        needed = "a gate and automatic: on_completion, or approvals"
        yield (f"{called} has on_failure, which needs {needed}",)
    if {"tasks", "send_back"} <= rule.keys():
        yield f"on_failure of {called} has both tasks and send_back: write one of them", "send_back"
    if "rounds" in rule and not {"tasks", "send_back"} & rule.keys():
        yield f"on_failure of {called} has rounds, but neither tasks nor send_back", "rounds"
    if (to := rule.get("send_back")) is not None and to not in earlier:
        hint = did_you_mean(to, earlier)
        yield f"on_failure of {called} sends back to {to}, which is not an earlier phase{hint}", "send_back"


def _of_seeds(seeds: Sequence[dict[str, Any] | None]) -> Iterator[tuple[int, str]]:
    before: set[str] = set()
    for number, seed in enumerate(seeds):
        if seed is None:
            continue
        for ref in seed.get("needs", ()):
            if ref is not None and ref not in before:
                yield number, f"needs {ref}, but no earlier task has this ref{did_you_mean(ref, before)}"
        if ref := seed.get("ref"):
            if ref in before:
                yield number, f"has the ref {ref}, but an earlier task has it too"
            before.add(ref)
