"""Checks of documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates import evidence
from tickets.gates.checks.reading import missing, reading
from tickets.gates.registry import Reason, gate_check

TYPE = {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,99}$"}


@gate_check("artifact", parameters={"type": TYPE})
def artifact(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The artifact exists."""
    if case.newest(needs["type"]) is None:
        yield missing("artifact", needs["type"])


@gate_check("min_length", parameters={"type": TYPE, "length": {"type": "integer", "minimum": 1}})
def min_length(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document of at least so many characters."""
    document = yield from reading("min_length", case, needs["type"], evidence.document)
    if document and document.length < needs["length"]:
        how = f"add {needs['length'] - document.length} more visible characters, then submit it again"
        if document.hides:
            how += f"; text inside {document.hides} is hidden from readers and not counted"
        yield Reason("min_length", "too_short", needs["length"], document.length, how)


@gate_check(
    "sections",
    parameters={"type": TYPE, "sections": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
)
def sections(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document with these headings."""
    document = yield from reading("sections", case, needs["type"], evidence.document)
    if document and (
        lacking := [name for name in needs["sections"] if evidence.slug(name) not in document.sections]
    ):
        how = f"add a heading for each of {', '.join(lacking)}, then submit it again"
        yield Reason("sections", "sections_missing", needs["sections"], sorted(document.sections), how)
