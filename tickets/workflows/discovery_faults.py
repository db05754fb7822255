"""Faults in the meaning of what a document says about discoveries and fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tickets.workflows.discovery_schema import ONLY_TASK, ONLY_TICKET
from tickets.workflows.discovery_types import normal
from tickets.workflows.fault_texts import did_you_mean

OTHER = {"task": ("ticket", ONLY_TICKET), "ticket": ("task", ONLY_TASK)}


def faults(
    document: Mapping[str, Any], phases: Sequence[tuple[int, Any]]
) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Each with its path. phases: those of the document that can be read, with their places."""
    last = {phase.get("name"): phase.get("to") == [] for _, phase in phases}
    for place, phase in phases:
        if "fix" in phase and phase.get("to") == []:
            called = f"phase {phase.get('name')}"
            yield ("phases", place, "fix"), f"{called} is a last phase, where no task can fail"
    spelt: dict[str, str] = {}
    for kind, rule in document.get("discoveries", {}).items():
        path = ("discoveries", kind)
        if other := spelt.get(normal(kind)):
            yield path, f"{kind} and {other} are the same type of discovery: write one of them"
        spelt[normal(kind)] = kind
        if rule:
            yield from (((*path, *at), message) for at, message in _of_rule(kind, rule, last))


def _of_rule(
    kind: str, rule: Mapping[str, Any], last: Mapping[Any, bool]
) -> Iterator[tuple[tuple[str, ...], str]]:
    other, foreign = OTHER.get(rule.get("make", ""), ("", frozenset()))
    for key in sorted(foreign & rule.keys()):
        yield (key,), f"discovery {kind} becomes a {rule['make']}, but `{key}` is for a {other}"
    phase = rule.get("phase")
    if phase is None or "phase" in foreign:
        return
    if phase not in last:
        hint = did_you_mean(phase, [name for name in last if name])
        yield ("phase",), f"discovery {kind} becomes a task of {phase}, which is not a phase{hint}"
    elif last[phase]:
        yield ("phase",), f"discovery {kind} becomes a task of {phase}, a last phase, where a ticket is done"
