"""Finds cycles that edges would close, and the edges to leave out so that none remain.

Each edge is visited a fixed number of times, however many cycles there are, because an import does this while
it holds locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

MOST_NAMED = 100

Edge = tuple[int, int]  # (before, after)
When = TypeVar("When")


def break_cycles(fixed: Iterable[Edge], loose: dict[Edge, When]) -> list[list[int]]:
    """Remove edges from `loose` until there is no cycle; those in `fixed` form none.

    Returns cycles as lists of ids whose first and last are the same: at most `MOST_NAMED`, one for each
    strongly connected component.
    """
    graph: dict[int, list[int]] = {}
    for before, after in dict.fromkeys((*fixed, *loose)):
        graph.setdefault(before, []).append(after)
    named: list[list[int]] = []
    for component in _components(graph):
        members = set(component)
        inside = {
            before: [after for after in graph.get(before, ()) if after in members] for before in component
        }
        if dropped := _against_the_order(inside, loose):
            if len(named) < MOST_NAMED:
                named.append(_cycle(inside, *dropped[0]))
            for edge in dropped:
                del loose[edge]
    return named


def _against_the_order(graph: Mapping[int, Sequence[int]], loose: Mapping[Edge, object]) -> list[Edge]:
    """The loose edges to leave out of one component.

    Its members are ordered so that every fixed edge is respected, and loose ones where possible.
    """
    waits = dict.fromkeys(graph, 0)  # how many unplaced members come before each
    strict = dict.fromkeys(graph, 0)  # of these, by a fixed edge
    sources: dict[int, list[int]] = {member: [] for member in graph}
    for before, afters in graph.items():
        for after in afters:
            waits[after] += 1
            strict[after] += (before, after) not in loose
            sources[after].append(before)
    free = deque(member for member in graph if not waits[member])
    possible = deque(member for member in graph if not strict[member])
    placed: set[int] = set()
    dropped: list[Edge] = []
    while free or possible:
        member = (free or possible).popleft()
        if member in placed:
            continue
        dropped += [(before, member) for before in sources[member] if before not in placed]
        placed.add(member)
        for after in graph[member]:
            waits[after] -= 1
            strict[after] -= (member, after) not in loose
            if not waits[after]:
                free.append(after)
            if not strict[after]:
                possible.append(after)
    return [edge for edge in dropped if edge in loose]


def _cycle(graph: Mapping[int, Sequence[int]], before: int, after: int) -> list[int]:
    """A shortest path from `after` back to `before`, closed by the edge between them."""
    came_from = {after: after}
    queue = deque([after])
    while before not in came_from:
        member = queue.popleft()
        for following in graph[member]:
            if following not in came_from:
                came_from[following] = member
                queue.append(following)
    cycle = [before]
    while cycle[-1] != after:
        cycle.append(came_from[cycle[-1]])
    return [before, *reversed(cycle)]


def _components(graph: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected components that contain a cycle (Tarjan's algorithm, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(graph.get(other, ()))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = [stack.pop()]
                    while component[-1] != node:
                        component.append(stack.pop())
                    on_stack.difference_update(component)
                    if len(component) > 1 or node in graph.get(node, ()):
                        found.append(component[::-1])
    return found
