"""A workflow document: phases in order, the moves between them, and their automatic behaviour.

It is read from YAML or a dict and checked against its schema and for consistency. All faults are reported at
once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from omoi_site.errors import Invalid, in_words
from tickets.workflows import omoios, plain_yaml
from tickets.workflows.discovery_types import normal
from tickets.workflows.fault_texts import visible
from tickets.workflows.faults import COUNTED, Fault, faults_of, repeated, seeds_of
from tickets.workflows.schema import BLOCKED as BLOCKED
from tickets.workflows.schema import CANCELLED as CANCELLED
from tickets.workflows.schema import schema as schema

SHIPPED = Path(__file__).parent / "shipped"


class InvalidWorkflow(Invalid):
    """The document is not a valid workflow; `errors` lists every fault."""

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
    effects: tuple[dict[str, Any], ...] = ()
    approvals: dict[str, Any] | None = None
    fix: dict[str, Any] | None = None
    stall_after_s: int | None = None
    wip: dict[str, Any] | None = None

    @property
    def terminal(self) -> bool:
        return not self.to

    @property
    def notified(self) -> tuple[str, ...]:
        """The roles that are told when a ticket enters it."""
        return tuple(dict.fromkeys(effect["notify"]["role"] for effect in self.effects))


@dataclass(frozen=True)
class Plan:
    """A checked document as Python objects.

    text: the YAML that it was read from. left_out: the parts of a file of another system that have no place
    in it.
    """

    name: str
    start: str
    phases: tuple[Phase, ...]
    document: dict[str, Any] = field(compare=False)
    text: str = field(default="", compare=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)

    def __getitem__(self, name: str) -> Phase:
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(phase.name == name for phase in self.phases)

    @property
    def seeds_needs(self) -> bool:
        """Whether a move may add tasks that need each other."""
        seeds = (
            seed
            for phase in self.phases
            for seed in (*phase.tasks, *(phase.on_failure or {}).get("tasks", ()))
        )
        return any(seed.get("needs") for seed in seeds)

    @property
    def notifies(self) -> bool:
        """Whether entering some phase tells somebody."""
        return any(phase.effects for phase in self.phases)

    @cached_property
    def discoveries(self) -> dict[str, dict[str, Any]]:
        """What becomes of discoveries, by their type in the spelling that is stored."""
        return {normal(kind): rule for kind, rule in self.document.get("discoveries", {}).items()}

    def first_tasks(self, name: str) -> tuple[dict[str, Any], ...]:
        """The tasks with which a phase begins. Documents of earlier versions may name some for a last phase,
        where no task can be done.
        """
        return () if self[name].terminal else self[name].tasks

    def enters_with_more(self, name: str) -> bool:
        """Whether entering a phase adds tasks or tells somebody."""
        return bool(self.first_tasks(name) or self[name].effects)

    @cached_property
    def holds(self) -> frozenset[str]:
        """The phases whose work waits while some other phase is full."""
        return frozenset(held for phase in self.phases for held in (phase.wip or {}).get("holds", ()))

    def up_to(self, name: str) -> tuple[str, ...]:
        """This phase and the earlier ones."""
        return tuple(phase.name for phase in self.phases if phase.position <= self[name].position)

    def way_back(self, name: str) -> tuple[str, ...]:
        """The phases to which a ticket may return that was blocked in this phase."""
        narrowed = self[name].blocked_to
        return (
            self.up_to(name)
            if narrowed is None
            else tuple(phase for phase in self.up_to(name) if phase in narrowed)
        )

    def after(self, name: str) -> str | None:
        """The next phase of an automatic move: the first later phase that the ticket may go to."""
        here = self[name]
        return next((to for to in here.to if self[to].position > here.position), None)

    def works_in(self, name: str) -> str:
        """The phase of a new task that names none, while its ticket is in `name`."""
        after = self.after(name) if self[name].automatic == "on_claim" else None
        return after if after and not self[after].terminal else name

    def open_in(self, phase: str) -> set[str]:
        """The phases whose tasks can be claimed while the ticket is in `phase`."""
        if phase not in self:
            return set()
        after = self.after(phase) if self[phase].automatic == "on_claim" else None
        return {phase, after} if after else {phase}


Wrong = TypeVar("Wrong", bound=Invalid)
Source = str | bytes | Path | dict[str, Any]


def read(source: Source) -> Plan:
    """Check a document (a dict, YAML text or a file) and return its plan. Raises InvalidWorkflow with every
    fault; for a text, each fault has its line.
    """
    if isinstance(source, Path):
        source = source.read_bytes()
    try:
        parsed = plain_yaml.parse(source) if isinstance(source, (str, bytes)) else None
        plain_yaml.expect_few_values(source)
    except plain_yaml.Unreadable as error:
        raise InvalidWorkflow(errors=[_error(InvalidWorkflow.code, "", str(error), error.line)]) from error
    document: Any = parsed.document if parsed else source
    if parsed and document is None:
        raise refusal([Fault((), "the document is empty: write `name` and `phases`")])
    foreign = omoios.read(document) if omoios.matches(document) else None
    twice = islice(parsed.repeated_keys(), COUNTED) if parsed else ()
    faults = [repeated(document, *found) for found in twice]
    faults += foreign.faults if foreign else faults_of(document)
    if faults:
        raise refuse(faults, parsed, InvalidWorkflow)
    if foreign:
        return replace(plan(foreign.document), left_out=foreign.left_out)
    return replace(plan(document), text=parsed.text if parsed else "")


def refusal(faults: Sequence[Fault], source: Source = "") -> InvalidWorkflow:
    """The error for these faults, in the order of lines if the source is a text that `read` accepts."""
    parsed = plain_yaml.parse(source) if source and isinstance(source, (str, bytes)) else None
    return refuse(faults, parsed, InvalidWorkflow)


def refuse(faults: Sequence[Fault], parsed: plain_yaml.Parsed | None, kind: type[Wrong]) -> Wrong:
    """The error of this kind, in the order of lines if the document was read from a text."""
    if parsed is None:
        return kind(errors=[_error(kind.code, fault.field, fault.message) for fault in faults])
    placed = sorted((parsed.line_of(fault.at), order, fault) for order, fault in enumerate(faults))
    errors = [
        _error(kind.code, fault.field, f"line {line}: {fault.message}", line) for line, _, fault in placed
    ]
    return kind(in_words([{**error, "field": ""} for error in errors], 0), errors=errors)


def plan(document: dict[str, Any]) -> Plan:
    """The plan of a stored document. It was checked when it was stored, so checks that have changed since do
    not matter.
    """
    phases = tuple(
        Phase(
            phase["name"],
            place,
            tuple(phase["to"]),
            phase.get("automatic", ""),
            _gate(phase),
            tuple(phase.get("tasks", ())),
            phase.get("on_failure"),
            tuple(phase["blocked_to"]) if "blocked_to" in phase else None,
            tuple(phase.get("effects", ())),
            phase.get("approvals"),
            phase.get("fix"),
            phase.get("stall_after_s"),
            phase.get("wip"),
        )
        for place, phase in enumerate(document["phases"])
    )
    return Plan(document["name"], document.get("start", phases[0].name), phases, document)


def _gate(phase: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The checks of a phase; the database reads them likewise (`omoi_gate_of`)."""
    approvals = [{"check": "approvals", **phase["approvals"]}] if "approvals" in phase else []
    return (*phase.get("gate", ()), *approvals)


def seeds(document: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Each task that the document adds, with its path."""
    for place, phase in enumerate(document["phases"]):
        for path, tasks in seeds_of(phase):
            for number, seed in enumerate(tasks):
                yield ("phases", place, *path, number), seed
        if "fix" in phase:
            yield ("phases", place, "fix"), phase["fix"]
    for kind, rule in document.get("discoveries", {}).items():
        yield ("discoveries", kind), rule


def _error(code: str, field: str, message: str, line: int = 0) -> dict[str, Any]:
    error = {"field": visible(field), "code": code, "message": visible(message)}
    return {**error, "line": line} if line else error
