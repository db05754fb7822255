"""What rows that are no work do to issues.

An open one holds what is blocked by it, and what is below it waits as it does. What follows from few lines
can be their product, so all that is derived here is counted before it is kept, and a file it grows too large
for is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from omoi_site.errors import TooLarge
from tickets.interchange.backlog import Sheet
from tickets.models import Relation

MOST = 200_000  # steps it may take to tell what follows from these rows; each derives one wait at most
WAITED = "waited-for"  # a link

Wait = tuple[str, str]  # the kind of a relation, and whom it leads to


@dataclass
class Budget:
    """What may still be derived."""

    left: int

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooLarge(
                f"Nothing was imported. More than {MOST} waits follow from rows that are no work"
                " (molecules, gates and the like): split the file, or take out the edges of such rows"
            )


@dataclass
class Brood:
    """The children of one id, as far as it matters to whom waits for them."""

    barred: str = ""  # the first open one that is no work
    issues: list[str] = field(default_factory=list)
    begun: bool = False  # whether one of them is done


def pause_blocked(sheet: Sheet, barred: Mapping[str, str], edges: Sequence[Relation]) -> None:
    """Pause issues that nothing here would set free, and let others wait as the rows above them do.

    `barred`: the kind of open rows that are no work, by id; `edges`: theirs. Raises TooLarge.
    """
    kinds, budget = sheet.kinds, Budget(MOST)
    every = [*sheet.relations, *edges]
    children: dict[str, list[str]] = {}
    for kind, one, other in every:
        if kind == kinds.parents:
            children.setdefault(other, []).append(one)
    _wait_as_parents_do(sheet, barred, every, budget)
    broods: dict[str, Brood] = {}
    queue: deque[tuple[str, str]] = deque()
    for kind, one, other in every:
        if kind in (kinds.needs, kinds.ends) and other in barred:
            queue.append((one, other))
        elif kind in (kinds.children, kinds.any_child) and (other in sheet.items or other in sheet.barred):
            if (brood := broods.get(other)) is None:
                brood = broods[other] = _brood(children.get(other, ()), sheet, barred)
            if kind == kinds.any_child and brood.begun:
                continue
            if brood.barred:
                queue.append((one, brood.barred))
            if other in sheet.barred:
                budget.spend(len(brood.issues))
                sheet.waits |= {(child, one): None for child in brood.issues if child != one}
    seen: set[str] = set()
    while queue:
        name, by = queue.popleft()
        item = sheet.items.get(name)
        if name in seen or not (name in barred if item is None else item.holds and not item.done):
            continue
        seen.add(name)
        if item and not item.pause:
            sheet.items[name] = replace(
                item, pause=f"beads: blocked by the {barred[by]} {by}", pause_class=barred[by]
            )
        queue.extend((child, by) for child in children.get(name, ()))


def drop_met_waits(sheet: Sheet, over: Set[str], edges: Sequence[Relation]) -> None:
    """Who waits for any child of another is free once one of them is over, be it one that is no work."""
    spawners = {other for kind, one, other in edges if kind == sheet.kinds.parents and one in over}
    met = [edge for edge in sheet.relations if edge.kind == sheet.kinds.any_child and edge.to_id in spawners]
    for relation in met:
        del sheet.relations[relation]
        sheet.relations[relation._replace(kind=WAITED)] = None


def _brood(children: Iterable[str], sheet: Sheet, barred: Mapping[str, str]) -> Brood:
    brood = Brood()
    for child in children:
        if item := sheet.items.get(child):
            brood.issues.append(child)
            brood.begun = brood.begun or item.done
        if child in barred:
            brood.barred = brood.barred or child
    return brood


def _wait_as_parents_do(
    sheet: Sheet, barred: Mapping[str, str], edges: Sequence[Relation], budget: Budget
) -> None:
    """An issue below a row that is no work waits for what that row and those above it wait for."""
    above = {
        child: [edge.to_id for edge in of_it if _passes_on(edge.to_id, sheet, barred)]
        for child, of_it in _by_name(edges, {sheet.kinds.parents}).items()
    }
    below = {name: [parent for parent in above.get(name, ()) if parent in barred] for name in sheet.items}
    waits_of = _inherited_waits(sheet, barred, edges, above, below.values(), budget)
    for name, parents in below.items():
        for parent in parents:
            budget.spend(len(waits_of[parent]))
            for kind, other in waits_of[parent]:
                if other == name or Relation(kind, name, other) in sheet.relations:
                    continue
                if kind in (sheet.kinds.needs, sheet.kinds.ends):
                    sheet.waits[other, name] = None
                else:
                    sheet.relations[Relation(kind, name, other)] = None


def _inherited_waits(
    sheet: Sheet,
    barred: Mapping[str, str],
    edges: Sequence[Relation],
    above: Mapping[str, Sequence[str]],
    bottoms: Iterable[Iterable[str]],
    budget: Budget,
) -> dict[str, dict[Wait, None]]:
    """What each row at and above these waits for, itself and for the sake of those above it; parents may go
    round.
    """
    found: dict[str, dict[Wait, None]] = {}
    below: dict[str, list[str]] = {}
    queue = deque(parent for parents in bottoms for parent in parents)
    while queue:
        if (name := queue.popleft()) not in found:
            found[name] = {}
            for parent in above.get(name, ()):
                below.setdefault(parent, []).append(name)
                queue.append(parent)
    new: dict[str, dict[Wait, None]] = {}
    for name, own in _by_name(edges, {*sheet.kinds} - {sheet.kinds.parents, ""}).items():
        if name in found:
            new[name] = {(edge.kind, edge.to_id): None for edge in own if edge.to_id not in barred}
    while new:
        name, waits = new.popitem()
        arrived = {wait: None for wait in waits if wait not in found[name]}
        found[name] |= arrived
        for child in below.get(name, ()) if arrived else ():
            budget.spend(len(arrived))
            new.setdefault(child, {}).update(arrived)
    return found


def _passes_on(parent: str, sheet: Sheet, barred: Mapping[str, str]) -> bool:
    item = sheet.items.get(parent)
    return parent in barred if item is None else item.holds and not item.done


def _by_name(edges: Sequence[Relation], kinds: set[str]) -> dict[str, list[Relation]]:
    by_name: dict[str, list[Relation]] = {}
    for edge in edges:
        if edge.kind in kinds:
            by_name.setdefault(edge.from_id, []).append(edge)
    return by_name
