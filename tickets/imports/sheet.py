"""What a format makes of a file that was read to its end without a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from agents.models import Project
from tickets.models import Arrival, Backlog, Cycle, Item, Ticket, Workflow


class Relation(NamedTuple):
    """An edge as the file names it."""

    kind: str
    from_id: str
    to_id: str


@dataclass
class Sheet:
    """Items by id, and relations once each in order. Relations of kind `needs` and `parents` are those; any other is a link."""

    source: str
    needs: str
    parents: str
    items: dict[str, Item] = field(default_factory=dict)
    relations: dict[Relation, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)  # fields nothing here stands for, and how often they said something
    warnings: list[str] = field(default_factory=list)

    @property
    def strange(self) -> set[str]:
        """Ids that relations lead to and the file does not have."""
        return {relation.to_id for relation in self.relations if relation.to_id not in self.items}

    def skipped(self, here: Set[str]) -> list[Relation]:
        """Relations to ids that are neither in the file nor `here`."""
        return [relation for relation in self.relations if relation.to_id not in self.items and relation.to_id not in here]

    def backlog(self, here: Set[str]) -> Backlog:
        """Items and what they have to do with each other and with ids that are `here` already. Raises Cycle naming the ids on it."""
        needs: list[tuple[str, str]] = []
        parents: dict[str, str] = {}
        links: list[tuple[str, str, str]] = []
        for relation in self.relations:
            kind, one, other = relation
            if other not in self.items and other not in here:
                continue
            if kind == self.needs:
                needs.append((other, one))
            elif kind == self.parents and one not in parents:
                parents[one] = other
            elif one != other:
                links.append((one, other, kind))
        refuse_cycles(needs, "These issues block each other")
        refuse_cycles(((parent, child) for child, parent in parents.items()), "These issues are parents of each other")
        return Backlog(self.source, list(self.items.values()), needs, parents, links)

    def bring_in(
        self,
        here: Set[str],
        *,
        project: Project,
        workflow: Workflow,
        by: Any,
        force: Callable[[], None] = lambda: None,
        watch: Callable[[int], None] = lambda made: None,
    ) -> tuple[Backlog, Arrival]:
        """What is new of it."""
        backlog = self.backlog(here)
        return backlog, Ticket.objects.bring_in(backlog, project=project, workflow=workflow, by=by, force=force, watch=watch)


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
