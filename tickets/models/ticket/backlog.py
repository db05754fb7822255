"""Backlog: tickets of another tool, to be imported; and ImportResult, the result."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tickets.models.ticket.awaited import Relation
from tickets.models.ticket.comment import NewComment


class RelationKinds(NamedTuple):
    """The names that a source uses for relations; any other name is that of a link.

    needs: one waits until the other is completed. ends: until the other has ended in any way. children: a
    link, and one waits for the other's children. any_child: the same, but only until one of the children is
    done.
    """

    needs: str = ""
    parents: str = ""
    ends: str = ""
    children: str = ""
    any_child: str = ""


ONLY_LINKS = RelationKinds()


@dataclass(frozen=True)
class Item:
    """A ticket to create, with its id in the source; `kind` and `not_before` are those of its task. `done`:
    it starts in the last phase with its task completed.
    """

    id: str
    title: str
    description: str = ""
    priority: int = 2
    labels: Sequence[str] = ()
    kind: str = "task"
    done: bool = False
    created_at: datetime | None = None
    not_before: datetime | None = None
    closed_at: datetime | None = None
    pause: str = ""  # why it is imported paused
    pause_class: str = ""  # the same in one word, for the counts of the report
    external_ref: str = ""
    comments: Sequence[NewComment] = ()  # oldest first
    holds: bool = True  # whether tasks that need it wait for it


@dataclass(frozen=True)
class Backlog:
    """The content of `source`: items and relations without duplicates, in order. A relation may name an id of
    an earlier or later import.
    """

    source: str
    items: Sequence[Item]
    relations: Sequence[Relation] = ()
    kinds: RelationKinds = ONLY_LINKS
    deleted: Sequence[str] = ()  # ids deleted in the source; existing tickets stay
    never: Set[str] = frozenset()  # ids that will never be imported, including deleted ones
    # (before, after), if both exist; those that would close a cycle are left out
    waits: Sequence[tuple[str, str]] = ()

    @property
    def ids(self) -> set[str]:
        """Every id in it."""
        ends = {end for _, *both in self.relations for end in both}
        return ends.union((item.id for item in self.items), self.deleted)


@dataclass
class ImportResult:
    """The result of an import: what is new, what existed before, and where existing tickets differ (they are
    not changed).
    """

    new: int = 0
    known: int = 0
    tasks: int = 0
    needs: int = 0
    parents: int = 0
    links: int = 0
    comments: int = 0
    external_refs: int = 0
    closed: int = 0  # relations of earlier imports that this one completed
    ready: int = 0  # new tasks that can be claimed at once
    dropped: int = 0  # derived waits left out because they would close a cycle
    paused: dict[str, int] = field(default_factory=dict)  # new paused tickets, by pause_class
    changed: list[dict[str, Any]] = field(default_factory=list)  # {id, ticket, fields}
    # needs (parent, child) left out because the child has begun
    late: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[Relation] = field(default_factory=list)  # to ids that will never be imported
    awaited: list[Relation] = field(default_factory=list)  # to ids that may be imported later
    # parents kept as links, with the present parent
    further: list[tuple[Relation, str]] = field(default_factory=list)
    # cycles of finished work, some of whose edges are left out
    cycles: list[list[str]] = field(default_factory=list)
