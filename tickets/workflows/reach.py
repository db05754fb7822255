"""Which phases a ticket can reach, and from which it can finish.

Where a move to an unknown phase leads is not known. It may lead on to any phase that another move names, so
only what is certain is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from tickets.workflows.fault_texts import nearest

Graph = Mapping[str, Set[str]]


def faults(
    phases: Sequence[tuple[int, dict[str, Any]]], start: str | None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and message for each phase that no ticket can get to, or that has no way out.

    phases: each with its number in the document. None is a name or move that cannot be read.
    """
    moves: dict[str, list[str] | None] = {}
    for _, phase in phases:
        to = phase.get("to", [None])
        moves[phase.get("name", "")] = None if None in to else to
    if not moves or "" in moves:
        return
    unknown = {name for name, to in moves.items() if to is None or any(each not in moves for each in to)}
    last = {name for name, to in moves.items() if to == []}
    if not last | unknown:
        yield (), "no phase is a last one, with `to: []`, so no ticket can be done"
    graph = _graph(moves, unknown)
    begin = nearest(start or "", moves) or next(iter(moves))
    reached = _reached(graph, begin)
    for number, phase in phases:
        name = phase["name"]
        if name not in reached:
            yield (
                (number, "name"),
                f"no ticket can get to phase {name}: no moves lead there from {begin}; add it to `to` of"
                " a phase before it",
            )
        if last | unknown and not _reached(graph, name) & (last | unknown):
            yield (
                (number, "to"),
                f"phase {name} has no way out: no moves lead from it to a last phase, which has `to: []`",
            )


def _graph(moves: Mapping[str, list[str] | None], unknown: Set[str]) -> Graph:
    named = {nearest(to, moves) for others in moves.values() for to in others or ()}
    anywhere = moves.keys() if None in moves.values() else {to for to in named if to}
    return {
        name: {each for each in to or () if each in moves} | (anywhere if name in unknown else set())
        for name, to in moves.items()
    }


def _reached(graph: Graph, begin: str) -> set[str]:
    reached, todo = {begin}, [begin]
    while todo:
        new = graph[todo.pop()] - reached
        reached |= new
        todo.extend(new)
    return reached
