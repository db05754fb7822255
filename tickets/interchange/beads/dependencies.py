"""Dependencies of a row of a beads file: what is wrong with them, and the relations they become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tickets.interchange.storable_text import kept_text, wrong_text
from tickets.models import Link, Relation, RelationKinds, Ticket

ID = Ticket._meta.get_field("source_id").max_length
KINDS = RelationKinds(
    needs="blocks",
    parents="parent-child",
    ends="conditional-blocks",
    children="waits-for",
    any_child="waits-for-any",
)
RELATION = Link._meta.get_field("kind").max_length


def relations(issue: dict[str, Any]) -> Iterator[Relation]:
    """The relations of a row without faults."""
    for edge in issue.get("dependencies") or ():
        kind = edge["type"]
        if kind == KINDS.children and _any_child(edge):
            kind = KINDS.any_child
        yield Relation(kind, issue["id"], edge["depends_on_id"])


def wrong_edge(name: str, edge: Any, issue: Any) -> Iterator[str]:
    if not isinstance(edge, dict):
        yield f"{name} must be an object"
        return
    yield from wrong_text(f"{name}: depends_on_id", edge.get("depends_on_id"), ID, must=True)
    yield from wrong_text(f"{name}: type", edge.get("type"), RELATION, must=True)
    if edge.get("issue_id", issue) != issue:
        yield f"{name} is one of {kept_text(str(edge['issue_id']))[:200]}"


def usable_id(issue: dict[str, Any]) -> str:
    """The id of a row that is not work; empty if it is not a valid id."""
    name = issue.get("id")
    return "" if any(wrong_text("id", name, ID, must=True)) else str(name)


def usable_relations(issue: dict[str, Any]) -> tuple[list[Relation], int]:
    """The relations of a row that is not work, which may hold anything, and how many of its edges are not
    valid.
    """
    edges = issue.get("dependencies") or []
    if not isinstance(edges, list):
        return [], 1
    usable = [edge for edge in edges if not any(wrong_edge("", edge, issue["id"]))]
    return list(relations({**issue, "dependencies": usable})), len(edges) - len(usable)


def count_edges(issue: dict[str, Any]) -> int:
    edges = issue.get("dependencies")
    return len(edges) if isinstance(edges, list) else 0


def _any_child(edge: dict[str, Any]) -> bool:
    meta = edge.get("metadata")
    with suppress(ValueError, RecursionError):
        meta = json.loads(meta) if isinstance(meta, str) else meta
    return isinstance(meta, dict) and meta.get("gate") == "any-children"
