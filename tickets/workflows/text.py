"""Workflow documents as YAML for people, and what differs between two of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from tickets.workflows.schema import SCHEMA

WIDTH = 100
COMPARED = 2_000  # lines: comparing takes time that grows faster than their number
AROUND = 3  # unchanged lines that are shown before and after a change


class DocumentDumper(yaml.CSafeDumper):
    """Writes lists of words, and checks, in one line each."""

    def of_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def of_list(self, items: list[Any]) -> yaml.Node:
        words = not any(isinstance(item, list | dict) for item in items)
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)

    def of_mapping(self, items: dict[str, Any]) -> yaml.Node:
        return self.represent_mapping("tag:yaml.org,2002:map", items, flow_style="check" in items)


DocumentDumper.add_representer(str, DocumentDumper.of_text)
DocumentDumper.add_representer(list, DocumentDumper.of_list)
DocumentDumper.add_representer(dict, DocumentDumper.of_mapping)


def as_yaml(document: dict[str, Any]) -> str:
    """The document as YAML, with its parts in the order in which the schema has them."""
    text: str = yaml.dump(
        _in_order(document, SCHEMA), Dumper=DocumentDumper, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    return text


def _in_order(part: Any, schema: dict[str, Any]) -> Any:
    """The database keeps no order of keys."""
    if isinstance(part, list):
        return [_in_order(item, schema.get("items", {})) for item in part]
    if not isinstance(part, dict):
        return part
    properties = schema.get("properties", {})
    order = {key: place for place, key in enumerate(properties)}
    keys = sorted(part, key=lambda key: (order.get(key, len(order)), key))
    return {key: _in_order(part[key], properties.get(key, {})) for key in keys}


class DiffLine(NamedTuple):
    """A line of a difference. `sign`: +, -, a blank for an unchanged line, @ for lines that are left out."""

    sign: str
    text: str

    @property
    def kind(self) -> str:
        return {"+": "added", "-": "removed", "@": "left-out"}.get(self.sign, "same")

    @property
    def shown(self) -> str:
        return "…" if self.sign == "@" else f"{self.sign} {self.text}"


def difference(before: str, after: str) -> list[DiffLine] | None:
    """The lines that differ, with some around them; None where the texts are too long to compare."""
    old, new = before.splitlines(), after.splitlines()
    start = _same(old, new)
    end = _same(old[start:][::-1], new[start:][::-1])
    first, last = max(0, start - AROUND), max(0, end - AROUND)
    old, new = old[first : len(old) - last], new[first : len(new) - last]
    if max(len(old), len(new)) > COMPARED:
        return None
    lines = list(difflib.unified_diff(old, new, lineterm="", n=AROUND))[2:]
    return [DiffLine(line[0], "" if line[0] == "@" else line[1:]) for line in lines][1:]


def as_unified(lines: Sequence[DiffLine] | None) -> str:
    """The same in one text."""
    if lines is None:
        return "The texts are too long to compare.\n"
    return "".join(f"{line.sign}{line.text}\n" for line in lines)


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = zip(one, other, strict=False)
    return next(
        (place for place, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other))
    )
