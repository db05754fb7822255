"""The result of a format's reader for a file without faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from agents.models import Project
from tickets.models import Backlog, Cycle, ImportResult, Item, Relation, RelationKinds, Workflow
from tickets.models.ticket import bulk_import


@dataclass
class ParsedBacklog:
    """Items by id, and relations in order without duplicates. `kinds` says which of them are more than
    links.
    """

    source: str
    kinds: RelationKinds
    items: dict[str, Item] = field(default_factory=dict)
    relations: dict[Relation, None] = field(default_factory=dict)
    implied: set[Relation] = field(default_factory=set)  # parents known only from an id
    waits: dict[tuple[str, str], None] = field(
        default_factory=dict
    )  # (before, after), because of rows that are not work
    left_out: Counter[str] = field(
        default_factory=Counter
    )  # fields that Omoi does not have, and how often they had a value
    warnings: list[str] = field(default_factory=list)
    bad_times: Counter[str] = field(default_factory=Counter)  # by field
    deleted: list[str] = field(default_factory=list)  # ids that the file marks as deleted
    no_work: Counter[str] = field(default_factory=Counter)  # rows that are not work, by type
    excluded: set[str] = field(default_factory=set)  # their ids

    def backlog(self) -> Backlog:
        """Items and relations. Raises Cycle naming the ids on it."""
        going = {name for name, item in self.items.items() if not item.done}
        needs = [
            (second, first)
            for kind, first, second in self.relations
            if kind in (self.kinds.needs, self.kinds.ends)
            and first in going
            and second in going
            and self.items[second].holds
        ]
        refuse_cycles(needs, "These issues block each other")
        parents: dict[str, str] = {}
        for kind, first, second in self.relations:
            if kind == self.kinds.parents and second in self.items:
                parents.setdefault(first, second)
        refuse_cycles(
            ((parent, child) for child, parent in parents.items()), "These issues are parents of each other"
        )
        never = {*self.deleted, *self.excluded}
        return Backlog(
            self.source,
            list(self.items.values()),
            list(self.relations),
            self.kinds,
            self.deleted,
            never,
            list(self.waits),
        )

    def import_into(
        self,
        *,
        project: Project,
        workflow: Workflow,
        by: Any,
        watch: Callable[[int], None] = lambda made: None,
    ) -> ImportResult:
        """Import what is new."""
        return bulk_import.import_backlog(
            self.backlog(), project=project, workflow=workflow, by=by, watch=watch
        )


def refuse_cycles(edges: Iterable[tuple[str, str]], what: str) -> None:
    """Raise Cycle, naming the ids on it, when edges (before, after) close one."""
    graph: dict[str, set[str]] = {}
    for before, after in edges:
        graph.setdefault(after, set()).add(before)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ids: list[str] = error.args[1]
        raise Cycle(f"Nothing was imported. {what}: {' -> '.join(ids)}", cycle=ids) from None
