"""What a format makes of a file that was read to its end without a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, NamedTuple

from agents.models import Project
from tickets.models import Arrival, Backlog, Cycle, Item, Ticket, Workflow

MOST_CIRCLES = 100


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
    bad_times: Counter[str] = field(default_factory=Counter)  # by field
    deleted: list[str] = field(default_factory=list)  # ids that were deleted there
    no_work: Counter[str] = field(default_factory=Counter)  # rows that are no work, by their type

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
        done = {name for name, item in self.items.items() if item.done}
        going = [edge for edge in needs if done.isdisjoint(edge)]
        refuse_cycles(going, "These issues block each other")
        needs = [*going, *self._acyclic(going, [edge for edge in needs if not done.isdisjoint(edge)])]
        waits, dropped = inherited(needs, parents, self.items)
        needs += waits
        if dropped:
            self.warnings.append(f"waits that children would inherit from their parents and that would go round, left out: {dropped}")
        refuse_cycles(((parent, child) for child, parent in parents.items()), "These issues are parents of each other")
        return Backlog(self.source, list(self.items.values()), needs, parents, links, self.deleted)

    def _acyclic(self, going: list[tuple[str, str]], over: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of the needs of which one end is done, which hold nothing up: those that close no circle; a circle is told of and left out."""
        kept = dict.fromkeys(over)
        for circle in circles(going, kept):
            self.warnings.append(f"finished issues that block each other, left as they are: {' -> '.join(circle[:20])}")
        return list(kept)

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


def inherited(needs: list[tuple[str, str]], parents: dict[str, str], items: dict[str, Item]) -> tuple[list[tuple[str, str]], int]:
    """A blocked parent holds its children: what an open parent waits for, its open children wait for too. How many of them were left out, because they would close a circle."""
    waits: dict[str, list[str]] = {}
    for before, after in needs:
        if not (before in items and items[before].done):
            waits.setdefault(after, []).append(before)
    told = {(before, after) for before, after in needs}
    found: dict[tuple[str, str], None] = {}
    for child, item in items.items():
        if item.done:
            continue
        seen, above = {child}, parents.get(child)
        while above and above not in seen:
            seen.add(above)
            for before in waits.get(above, ()):
                if before != child and (before, child) not in told:
                    found[before, child] = None
            above = parents.get(above)
    every = len(found)
    for _ in circles(needs, found):
        pass
    return list(found), every - len(found)


def circles(fixed: Iterable[tuple[str, str]], loose: dict[tuple[str, str], None]) -> Iterator[list[str]]:
    """The circles that edges (before, after) close, each as its ids, once one of its loose edges was taken out; `fixed` close none among themselves."""
    graph: dict[str, set[str]] = {}
    for _ in range(MOST_CIRCLES):
        graph = {}
        for before, after in (*fixed, *loose):
            graph.setdefault(after, set()).add(before)
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            ids: list[str] = error.args[1]
            del loose[next(pair for pair in pairwise(ids) if pair in loose)]
            yield ids
    sorter = TopologicalSorter(graph)
    with suppress(CycleError):
        sorter.prepare()
    free: set[str] = set()
    while ready := sorter.get_ready():
        free.update(ready)
        sorter.done(*ready)
    for pair in [pair for pair in loose if free.isdisjoint(pair)]:  # of so many, all that lie on a circle or behind one
        del loose[pair]


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
