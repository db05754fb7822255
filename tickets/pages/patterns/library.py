"""The library of patterns: those that are shipped, and the four parts alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from omoi_site import humanize
from omoi_site.errors import NotFound
from tickets.pages.patterns.drawing import PatternDrawing, of_pattern
from tickets.patterns import document as documents
from tickets.patterns.document import Pattern, read
from tickets.workflows.text import as_yaml

# Examples of each part alone; a form asks for the values.
PARTS: dict[str, tuple[str, dict[str, object]]] = {
    "split": (
        "Shares the work of a task: the new tasks can be claimed when it is done.",
        {
            "type": "split",
            "id": "split",
            "source_task_id": 1,
            "target_tasks": [{"title": "One part"}, {"title": "Another part"}],
        },
    ),
    "sync": (
        "Waits until all tasks, or as many as are enough, have ended.",
        {
            "type": "sync",
            "id": "sync",
            "title": "Wait for two",
            "waiting_task_ids": [1, 2, 3],
            "required_count": 2,
        },
    ),
    "merge": (
        "Makes one result from those of several tasks.",
        {
            "type": "merge",
            "id": "merge",
            "title": "One result",
            "source_task_ids": [1, 2, 3],
            "merge_strategy": "combine",
        },
    ),
    "join": (
        "Adds one task that goes on from several.",
        {
            "type": "join",
            "id": "join",
            "source_task_ids": [1, 2, 3],
            "continuation_task": {"title": "Go on"},
        },
    ),
}


@dataclass(frozen=True)
class Listed:
    """A pattern of the library. `part`: whether it is one of the four parts alone."""

    name: str
    about: str
    pattern: Pattern
    part: bool = False

    @property
    def title(self) -> str:
        return humanize.phase(self.name)

    @cached_property
    def drawing(self) -> PatternDrawing | None:
        return of_pattern(self.pattern)

    @property
    def text(self) -> str:
        """The document as YAML."""
        return self.pattern.parsed.text if self.pattern.parsed else as_yaml(self.pattern.document)


@functools.cache
def shipped() -> Sequence[Listed]:
    return [
        Listed(pattern.name, " ".join(pattern.description.split()), pattern)
        for pattern in documents.shipped()
    ]


@functools.cache
def parts() -> Sequence[Listed]:
    return [Listed(name, about, read({**document}), part=True) for name, (about, document) in PARTS.items()]


def listed(name: str) -> Listed:
    """The pattern or part of this name. Raises NotFound."""
    found = next((one for one in [*shipped(), *parts()] if one.name == name), None)
    if found is None:
        raise NotFound(f"there is no pattern {name}")
    return found
