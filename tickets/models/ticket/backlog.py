"""Backlog: tickets that another tool kept, as they are imported; and ImportResult, what became of them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tickets.models.ticket.awaited import Relation
from tickets.models.ticket.comment import NewComment


class RelationKinds(NamedTuple):
    """What a source calls its relations; any other word is that of a link.

    needs: the one waits until the other is completed. ends: until it has ended, in any way. children: a link,
    and the one waits for the other's children. any_child: the same, and nothing is waited for once one of
    them is done.
    """

    needs: str = ""
    parents: str = ""
    ends: str = ""
    children: str = ""
    any_child: str = ""


ONLY_LINKS = RelationKinds()


@dataclass(frozen=True)
class Item:
    """A ticket to create, by its id where it comes from; `kind` and `not_before` are its task's. `done`: it
    starts in the last phase, its task completed.
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
    pause: str = ""  # why it comes in paused
    pause_class: str = ""  # the same in a word, by which the report counts
    external_ref: str = ""
    comments: Sequence[NewComment] = ()  # the oldest first
    holds: bool = True  # whether what needs it waits for it


@dataclass(frozen=True)
class Backlog:
    """What `source` kept: items once each, and relations once each in order. Their ids may have come earlier
    or come later.
    """

    source: str
    items: Sequence[Item]
    relations: Sequence[Relation] = ()
    kinds: RelationKinds = ONLY_LINKS
    deleted: Sequence[str] = ()  # ids that were deleted there; a ticket that is here stays
    never: Set[str] = frozenset()  # ids that never come, deleted ones among them
    # (before, after) as far as both are here; what would close a cycle is left out
    waits: Sequence[tuple[str, str]] = ()

    @property
    def ids(self) -> set[str]:
        """Every id that is named."""
        ends = {end for _, *both in self.relations for end in both}
        return ends.union((item.id for item in self.items), self.deleted)


@dataclass
class ImportResult:
    """What became of a backlog: what is new, what existed before, and where that differs (it is left as it
    is).
    """

    new: int = 0
    known: int = 0
    tasks: int = 0
    needs: int = 0
    parents: int = 0
    links: int = 0
    comments: int = 0
    external_refs: int = 0
    closed: int = 0  # relations of earlier imports whose other end has come
    ready: int = 0  # new tasks that can be claimed at once
    dropped: int = 0  # derived waits that would close a cycle
    paused: dict[str, int] = field(default_factory=dict)  # new tickets that came in paused, by pause_class
    changed: list[dict[str, Any]] = field(default_factory=list)  # {id, ticket, fields}
    # needs (parent, child) whose child's task has begun
    late: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[Relation] = field(default_factory=list)  # to ids that never come
    awaited: list[Relation] = field(default_factory=list)  # to ids that may come later
    # parents kept as links, with the parent that there is
    further: list[tuple[Relation, str]] = field(default_factory=list)
    # of finished work, some of whose edges are left out
    cycles: list[list[str]] = field(default_factory=list)
