"""Checks of documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates import evidence
from tickets.gates.checks.reading import missing, reading
from tickets.gates.registry import Reason, gate_check

TYPE = {
    "type": "string",
    "pattern": r"^[a-z][a-z0-9_]{0,99}$",
    "title": "Type",
    "description": "The type of the artifact, such as requirements_document.",
}
LENGTH = {
    "type": "integer",
    "minimum": 1,
    "title": "Length",
    "description": "The least number of visible characters.",
}
SECTIONS = {
    "type": "array",
    "items": {"type": "string", "title": "Section", "description": "A heading, such as scope."},
    "minItems": 1,
    "title": "Sections",
    "description": "The headings that the document must have, in any order.",
}


@gate_check("artifact", parameters={"type": TYPE})
def artifact(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """An artifact of this type was submitted."""
    if case.newest(needs["type"]) is None:
        yield missing("artifact", needs["type"])


@gate_check("min_length", parameters={"type": TYPE, "length": LENGTH})
def min_length(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document of at least so many characters."""
    document = yield from reading("min_length", case, needs["type"], evidence.document)
    if document and document.length < needs["length"]:
        how = f"add {needs['length'] - document.length} more visible characters, then submit it again"
        if document.hides:
            how += f"; text inside {document.hides} is hidden from readers and not counted"
        yield Reason("min_length", "too_short", needs["length"], document.length, how)


@gate_check("sections", parameters={"type": TYPE, "sections": SECTIONS})
def sections(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document with these headings."""
    document = yield from reading("sections", case, needs["type"], evidence.document)
    if document and (
        lacking := [name for name in needs["sections"] if evidence.slug(name) not in document.sections]
    ):
        how = f"add a heading for each of {', '.join(lacking)}, then submit it again"
        yield Reason("sections", "sections_missing", needs["sections"], sorted(document.sections), how)
