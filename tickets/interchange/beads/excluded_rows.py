"""The effects on issues of rows that are not work.

An open row of this kind keeps the issues that it blocks paused, and its children wait for what it waits for.
The number of derived waits can be the product of the lines, so each is counted before it is stored, and a
file with too many is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from omoi_site.errors import TooLarge
from tickets.interchange.backlog import ParsedBacklog
from tickets.models import Relation

MOST = 200_000  # the most steps to derive waits from these rows; each step derives at most one
WAITED = "waited-for"  # a link

Wait = tuple[str, str]  # the kind of a relation, and the id it leads to


@dataclass
class Budget:
    """How many waits may still be derived."""

    left: int

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooLarge(
                f"Nothing was imported. More than {MOST} waits follow from rows that are not work"
                " (molecules, gates and the like): split the file, or remove the edges of such rows"
            )


@dataclass
class Children:
    """What is known of the children of one id, for issues that wait for them."""

    excluded: str = ""  # the first open child that is not work
    issues: list[str] = field(default_factory=list)
    begun: bool = False  # whether a child is done


def pause_blocked(parsed: ParsedBacklog, excluded: Mapping[str, str], edges: Sequence[Relation]) -> None:
    """Pause issues that nothing here would release, and let others wait for what their parents wait for.

    `excluded`: the kinds of open rows that are not work, by id; `edges`: their edges. Raises TooLarge.
    """
    kinds, budget = parsed.kinds, Budget(MOST)
    every = [*parsed.relations, *edges]
    children: dict[str, list[str]] = {}
    for kind, one, other in every:
        if kind == kinds.parents:
            children.setdefault(other, []).append(one)
    _wait_as_parents_do(parsed, excluded, every, budget)
    families: dict[str, Children] = {}
    queue: deque[tuple[str, str]] = deque()
    for kind, one, other in every:
        if kind in (kinds.needs, kinds.ends) and other in excluded:
            queue.append((one, other))
        elif kind in (kinds.children, kinds.any_child) and (
            other in parsed.items or other in parsed.excluded
        ):
            if (family := families.get(other)) is None:
                family = families[other] = _children_of(children.get(other, ()), parsed, excluded)
            if kind == kinds.any_child and family.begun:
                continue
            if family.excluded:
                queue.append((one, family.excluded))
            if other in parsed.excluded:
                budget.spend(len(family.issues))
                parsed.waits |= {(child, one): None for child in family.issues if child != one}
    seen: set[str] = set()
    while queue:
        name, by = queue.popleft()
        item = parsed.items.get(name)
        if name in seen or not (name in excluded if item is None else item.holds and not item.done):
            continue
        seen.add(name)
        if item and not item.pause:
            parsed.items[name] = replace(
                item, pause=f"beads: blocked by the {excluded[by]} {by}", pause_class=excluded[by]
            )
        queue.extend((child, by) for child in children.get(name, ()))


def drop_met_waits(parsed: ParsedBacklog, over: Set[str], edges: Sequence[Relation]) -> None:
    """Drop waits for any child of an id once one child is over, even one that is not work."""
    spawners = {other for kind, one, other in edges if kind == parsed.kinds.parents and one in over}
    met = [
        edge for edge in parsed.relations if edge.kind == parsed.kinds.any_child and edge.to_id in spawners
    ]
    for relation in met:
        del parsed.relations[relation]
        parsed.relations[relation._replace(kind=WAITED)] = None


def _children_of(children: Iterable[str], parsed: ParsedBacklog, excluded: Mapping[str, str]) -> Children:
    family = Children()
    for child in children:
        if item := parsed.items.get(child):
            family.issues.append(child)
            family.begun = family.begun or item.done
        if child in excluded:
            family.excluded = family.excluded or child
    return family


def _wait_as_parents_do(
    parsed: ParsedBacklog, excluded: Mapping[str, str], edges: Sequence[Relation], budget: Budget
) -> None:
    """Let an issue below a row that is not work wait for what that row and its parents wait for."""
    above = {
        child: [edge.to_id for edge in of_it if _passes_on(edge.to_id, parsed, excluded)]
        for child, of_it in _by_name(edges, {parsed.kinds.parents}).items()
    }
    below = {name: [parent for parent in above.get(name, ()) if parent in excluded] for name in parsed.items}
    waits_of = _inherited_waits(parsed, excluded, edges, above, below.values(), budget)
    for name, parents in below.items():
        for parent in parents:
            budget.spend(len(waits_of[parent]))
            for kind, other in waits_of[parent]:
                if other == name or Relation(kind, name, other) in parsed.relations:
                    continue
                if kind in (parsed.kinds.needs, parsed.kinds.ends):
                    parsed.waits[other, name] = None
                else:
                    parsed.relations[Relation(kind, name, other)] = None


def _inherited_waits(
    parsed: ParsedBacklog,
    excluded: Mapping[str, str],
    edges: Sequence[Relation],
    above: Mapping[str, Sequence[str]],
    bottoms: Iterable[Iterable[str]],
    budget: Budget,
) -> dict[str, dict[Wait, None]]:
    """What each of these rows and their parents wait for, including what they inherit. Parents may form a
    cycle.
    """
    inherited: dict[str, dict[Wait, None]] = {}
    below: dict[str, list[str]] = {}
    queue = deque(parent for parents in bottoms for parent in parents)
    while queue:
        if (name := queue.popleft()) not in inherited:
            inherited[name] = {}
            for parent in above.get(name, ()):
                below.setdefault(parent, []).append(name)
                queue.append(parent)
    new: dict[str, dict[Wait, None]] = {}
    for name, own in _by_name(edges, {*parsed.kinds} - {parsed.kinds.parents, ""}).items():
        if name in inherited:
            new[name] = {(edge.kind, edge.to_id): None for edge in own if edge.to_id not in excluded}
    while new:
        name, waits = new.popitem()
        arrived = {wait: None for wait in waits if wait not in inherited[name]}
        inherited[name] |= arrived
        for child in below.get(name, ()) if arrived else ():
            budget.spend(len(arrived))
            new.setdefault(child, {}).update(arrived)
    return inherited


def _passes_on(parent: str, parsed: ParsedBacklog, excluded: Mapping[str, str]) -> bool:
    item = parsed.items.get(parent)
    return parent in excluded if item is None else item.holds and not item.done


def _by_name(edges: Sequence[Relation], kinds: set[str]) -> dict[str, list[Relation]]:
    by_name: dict[str, list[Relation]] = {}
    for edge in edges:
        if edge.kind in kinds:
            by_name.setdefault(edge.from_id, []).append(edge)
    return by_name
