"""A pattern document: read from YAML or a dict and checked against its schema, with all faults at once.

It is either several blocks, as in the pattern files of OmoiOS (`pattern`, `sync_points`, `merge`, `join`),
or one block alone with its `type`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from omoi_site.errors import Invalid, NotFound
from tickets.patterns import placeholders
from tickets.patterns.schema import BLOCKS, MOST_TASKS, WHOLE, alone
from tickets.workflows import plain_yaml
from tickets.workflows.document import refuse
from tickets.workflows.fault_texts import did_you_mean
from tickets.workflows.faults import COUNTED, Fault, of_shape, repeated, unseen
from tickets.workflows.faults import Path as FaultPath

SHIPPED = Path(__file__).parent / "shipped"
LOOSE = {"type", "enum", "pattern", "minimum", "maximum", "anyOf"}  # what an argument may still make right


class InvalidPattern(Invalid):
    """The document is not a valid pattern, or does not fit the ticket; `errors` lists every fault."""

    code = "invalid_pattern"
    title = "The pattern is not valid"


class Block(NamedTuple):
    """A part of a pattern: split, sync, merge or join, and where it stands in the document."""

    kind: str
    path: FaultPath
    content: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.content["id"])


@dataclass(frozen=True)
class Pattern:
    """A checked document. `parsed`: the text that it was read from, if any."""

    name: str
    description: str
    document: dict[str, Any]
    parsed: plain_yaml.Parsed | None = field(default=None, compare=False)

    @property
    def arguments(self) -> list[str]:
        """The names of its arguments, in their order."""
        inner = {f"{name}_id" for name in names(self.document)}
        return [name for name in placeholders.names(self.document) if name not in inner]

    def refusal(self, faults: list[Fault]) -> InvalidPattern:
        return refuse(faults, self.parsed, InvalidPattern)


def blocks(document: Mapping[str, Any]) -> Iterator[Block]:
    """The blocks of a checked document, in the order in which they need each other."""
    if "type" in document:
        yield Block(document["type"], (), document)
        return
    if "pattern" in document:
        yield Block(document["pattern"].get("type", "split"), ("pattern",), document["pattern"])
    for place, sync in enumerate(document.get("sync_points", ())):
        yield Block("sync", ("sync_points", place), sync)
    for kind in ("merge", "join"):
        if kind in document:
            yield Block(kind, (kind,), document[kind])


def names(document: Mapping[str, Any]) -> Iterator[str]:
    """What the parts of a document are called: its tasks, and its blocks that are tasks."""
    for block in blocks(document):
        if block.kind != "split":
            yield block.id
            continue
        for place, task in enumerate(block.content["target_tasks"], 1):
            yield from dict.fromkeys([task.get("id", numbered(place)), numbered(place)])


def numbered(place: int) -> str:
    """The name of a task of a split by its place, from 1."""
    return f"split_task_{place}"


def read(source: str | bytes | dict[str, Any]) -> Pattern:
    """Check a document (a dict or YAML text) and return it. Raises InvalidPattern with every fault; for a
    text, each has its line.
    """
    try:
        parsed = plain_yaml.parse(source) if isinstance(source, (str, bytes)) else None
        plain_yaml.expect_few_values(source)
    except plain_yaml.Unreadable as error:
        where = {"field": "", "code": "invalid", "message": str(error)}
        raise InvalidPattern(errors=[{**where, "line": error.line} if error.line else where]) from error
    document = _without_nulls(parsed.document if parsed else source)
    faults = (
        [repeated(document, *found) for found in islice(parsed.repeated_keys(), COUNTED)] if parsed else []
    )
    faults += faults_of(document, loosely=True)
    if faults:
        raise refuse(faults, parsed, InvalidPattern)
    name = document.get("name") or document["id"]
    return Pattern(name, document.get("description", ""), document, parsed)


def faults_of(document: Any, *, loosely: bool = False) -> list[Fault]:
    """All faults of its shape, and names that it has twice. loosely: where an argument stands, the value is
    not known yet.
    """
    shape = _schema_of(document)
    if isinstance(shape, Fault):
        return [shape]
    errors = [
        error
        for error in islice(jsonschema.Draft202012Validator(shape).iter_errors(document), COUNTED)
        if not (loosely and placeholders.whole(error.instance) and _open(error))
    ]
    faults = [fault for error in errors for fault in of_shape(error, document)]
    faults += islice(unseen(document, document), COUNTED)
    if faults:
        return sorted(dict.fromkeys(faults), key=lambda fault: list(map(str, fault.path)))
    return list(_of_sense(document))


def _open(error: jsonschema.ValidationError) -> bool:
    """Whether an argument may still make right what is here: it is a text, a number or a list of these, and
    never a part of the pattern.
    """
    parts = "object" in (error.schema.get("type"), error.schema.get("items", {}).get("type"))
    return error.validator in LOOSE and not parts


def _schema_of(document: Any) -> dict[str, Any] | Fault:
    """The schema that the document is meant to follow, by its `type`."""
    if not isinstance(document, dict) or not document:
        return Fault((), "the document is empty: write `name` and `pattern`, or a `type`")
    inner = document.get("pattern")
    at: FaultPath = ("type",) if "type" in document else ("pattern", "type")
    wanted = document.get("type", inner.get("type", "split") if isinstance(inner, dict) else "split")
    if not isinstance(wanted, str) or wanted not in BLOCKS:
        hint = did_you_mean(str(wanted), BLOCKS)
        return Fault(at, f"`type` is {wanted}; it must be one of {', '.join(BLOCKS)}{hint}")
    if "type" in document:
        return alone(wanted)
    return {**WHOLE, "properties": {**WHOLE["properties"], "pattern": BLOCKS[wanted]}}


def _of_sense(document: dict[str, Any]) -> Iterator[Fault]:
    found: set[str] = set()
    tasks = 0
    there = list(blocks(document))
    if not there:
        yield Fault((), "the pattern adds nothing: write `pattern`, `sync_points`, `merge` or `join`")
    for block in there:
        own = (
            [((*block.path, "target_tasks", place), task.get("id")) for place, task in _tasks(block)]
            if block.kind == "split"
            else []
        )
        tasks += len(own) or 1
        for path, name in [((*block.path, "id"), block.id), *own]:
            if name in found:
                yield Fault(path, f"{name} is the name of two parts of this pattern")
            if name:
                found.add(name)
    if tasks > MOST_TASKS:
        yield Fault((), f"the pattern adds {tasks} tasks; at most {MOST_TASKS} are allowed")


def _tasks(block: Block) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return enumerate(block.content["target_tasks"])


def _without_nulls(part: Any) -> Any:
    """In the files of OmoiOS, null stands for what is left out."""
    if isinstance(part, dict):
        return {key: _without_nulls(value) for key, value in part.items() if value is not None}
    return [_without_nulls(item) for item in part] if isinstance(part, list) else part


@functools.cache
def _shipped() -> dict[str, Pattern]:
    patterns = [read(file.read_bytes()) for file in sorted(SHIPPED.glob("*.yaml"))]
    return {pattern.name: pattern for pattern in patterns}


def shipped() -> list[Pattern]:
    """The patterns that come with Omoi, by name."""
    return list(_shipped().values())


def named(name: str) -> Pattern:
    """The shipped pattern of this name. Raises NotFound."""
    if name not in _shipped():
        raise NotFound(
            f"there is no pattern {name}{did_you_mean(name, _shipped())}",
            next_action=f"Shipped ones: {', '.join(_shipped())}. Or send a whole document.",
        )
    return _shipped()[name]
