"""What somebody fills in to apply a pattern: its arguments, and values of its parts that may be others."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tickets.patterns import placeholders
from tickets.patterns.document import Pattern, blocks
from tickets.patterns.plan import phase_name
from tickets.patterns.schema import BLOCKS, SOURCES
from tickets.workflows.faults import Path as FaultPath

NUMBERS = {"required_count", "timeout_seconds", "max_attempts"}
TEXTS = "required_capabilities"
OPTIONS = {
    "sync": ("required_count", "timeout_seconds", "on_timeout", "others"),
    "merge": ("merge_strategy",),
    "join": ("merge_strategy",),
}
UNNAMED = ("custom",)  # strategies that need more than their name


class Argument(NamedTuple):
    """`kind`: task, tasks, number, texts or text."""

    name: str
    kind: str


class Option(NamedTuple):
    """A value of the part `block` that may be another one; None where the document says nothing. Without
    `choices` it is a number.
    """

    path: FaultPath
    block: str
    value: Any
    choices: Sequence[str] = ()

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))


def arguments(pattern: Pattern) -> list[Argument]:
    """What must be given, each by how the document uses it."""
    kinds: dict[str, str] = {}
    for name, kind in _uses(pattern.document):
        if kinds.get(name, "text") == "text":
            kinds[name] = kind
    return [Argument(name, kinds[name]) for name in pattern.arguments]


def options(pattern: Pattern) -> list[Option]:
    """What may be chosen otherwise: how many a sync waits for and how long, and the strategies."""
    found = []
    merged = "merge" in pattern.document  # then the strategy of the join does not matter
    for block in blocks(pattern.document):
        if block.kind == "join" and merged:
            continue
        shapes = BLOCKS[block.kind]["properties"]
        for key in OPTIONS.get(block.kind, ()):
            value = block.content.get(key)
            if not placeholders.whole(value):
                choices = [choice for choice in shapes[key].get("enum", ()) if choice not in UNNAMED]
                found.append(Option((*block.path, key), block.id, value, choices))
    return found


def with_options(pattern: Pattern, chosen: Mapping[FaultPath, Any]) -> dict[str, Any]:
    """The document with these values; None takes one out."""
    document = copy.deepcopy(pattern.document)
    for (*above, key), value in chosen.items():
        part: Any = document
        for step in above:
            part = part[step]
        if value is None:
            part.pop(key, None)
        else:
            part[key] = value
    return document


def phases(pattern: Pattern) -> list[str]:
    """The phases that the document names."""
    named = (text for key, text in _texts(pattern.document) if key == "phase_id" and "${" not in text)
    return list(dict.fromkeys(map(phase_name, named)))


def _uses(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, text in _texts(document):
        if not (name := placeholders.whole(text)):
            yield from ((name, "text") for name in placeholders.names(text))
        elif key in SOURCES.values():
            yield name, "tasks" if key.endswith("ids") else "task"
        elif key == "ids":
            yield name, "task"
        else:
            yield name, "number" if key in NUMBERS else "texts" if key == TEXTS else "text"


def _texts(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text with its key; in a list of ids, the key is "ids"."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _texts(value, name)
    elif isinstance(part, list):
        for item in part:
            yield from _texts(item, "ids" if key in SOURCES.values() else key)
    elif isinstance(part, str):
        yield key, part
