"""What rows that are no work do to issues: an open one holds what is blocked by it, and what is below it waits as it does."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from tickets.interchange.backlog import Sheet
from tickets.models import Relation

WAITED = "waited-for"  # a link


def hold(sheet: Sheet, barred: Mapping[str, str], edges: Sequence[Relation]) -> None:
    """`barred`: the kind of open rows that are no work, by id; `edges`: theirs. An issue nothing here would set free comes in paused."""
    words = sheet.words
    every = [*sheet.relations, *edges]
    children: dict[str, list[str]] = {}
    for kind, one, other in every:
        if kind == words.parents:
            children.setdefault(other, []).append(one)
    _wait_as_parents_do(sheet, barred, every)
    queue: deque[tuple[str, str]] = deque()
    for kind, one, other in every:
        if kind in (words.needs, words.ends) and other in barred:
            queue.append((one, other))
        elif kind in (words.children, words.any_child) and (other in sheet.items or other in sheet.barred):
            brood = children.get(other, ())
            if kind == words.any_child and any(
                child in sheet.items and sheet.items[child].done for child in brood
            ):
                continue
            queue.extend((one, child) for child in brood if child in barred)
            if other in sheet.barred:
                sheet.waits |= {
                    (child, one): None for child in brood if child in sheet.items and child != one
                }
    seen: set[str] = set()
    while queue:
        name, by = queue.popleft()
        item = sheet.items.get(name)
        if name in seen or not (name in barred if item is None else item.holds and not item.done):
            continue
        seen.add(name)
        if item and not item.pause:
            sheet.items[name] = replace(item, pause=f"beads: blocked by the {barred[by]} {by}")
        queue.extend((child, by) for child in children.get(name, ()))


def release(sheet: Sheet, over: Set[str], edges: Sequence[Relation]) -> None:
    """Who waits for any child of another is free once one of them is over, be it one that is no work."""
    spawners = {other for kind, one, other in edges if kind == sheet.words.parents and one in over}
    for relation in [
        each for each in sheet.relations if each.kind == sheet.words.any_child and each.to_id in spawners
    ]:
        del sheet.relations[relation]
        sheet.relations[relation._replace(kind=WAITED)] = None


def _wait_as_parents_do(sheet: Sheet, barred: Mapping[str, str], edges: Sequence[Relation]) -> None:
    """An issue below a row that is no work waits for what that row and those above it wait for."""
    waits, above = (
        _by_name(edges, {*sheet.words} - {sheet.words.parents, ""}),
        _by_name(edges, {sheet.words.parents}),
    )
    for name in sheet.items:
        queue = [edge.to_id for edge in above.get(name, ()) if edge.to_id in barred]
        seen = {name}
        while queue:
            if (parent := queue.pop()) in seen or not _passes_on(parent, sheet, barred):
                continue
            seen.add(parent)
            for kind, _, other in waits.get(parent, ()):
                if other in barred or other == name:
                    continue
                if kind in (sheet.words.needs, sheet.words.ends):
                    sheet.waits[other, name] = None
                else:
                    sheet.relations.setdefault(Relation(kind, name, other))
            queue.extend(edge.to_id for edge in above.get(parent, ()))


def _passes_on(parent: str, sheet: Sheet, barred: Mapping[str, str]) -> bool:
    item = sheet.items.get(parent)
    return parent in barred if item is None else item.holds and not item.done


def _by_name(edges: Sequence[Relation], kinds: set[str]) -> dict[str, list[Relation]]:
    found: dict[str, list[Relation]] = {}
    for edge in edges:
        if edge.kind in kinds:
            found.setdefault(edge.from_id, []).append(edge)
    return found
