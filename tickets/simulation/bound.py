"""How soon a crew without any overhead could be done: the list schedule."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable


def list_schedule(tasks: Collection[int], needs: Iterable[tuple[int, int]], agents: int) -> int:
    """Rounds in which `agents` finish `tasks` of equal length, each after its needs (parent, child), longest tail first.

    A need on a task outside of `tasks` is met already. What waits in a circle, and behind it, is left out.
    """
    children: dict[int, list[int]] = defaultdict(list)
    waits = dict.fromkeys(tasks, 0)
    for parent, child in needs:
        if parent in waits and child in waits:
            children[parent].append(child)
            waits[child] += 1
    tail = _tails(waits, children)
    free = [(-tail.get(task, 0), task) for task, left in waits.items() if not left]
    heapq.heapify(free)
    rounds = 0
    while free:
        rounds += 1
        for _, task in [heapq.heappop(free) for _ in range(min(agents, len(free)))]:
            for child in children[task]:
                waits[child] -= 1
                if not waits[child]:
                    heapq.heappush(free, (-tail.get(child, 0), child))
    return rounds


def _tails(waits: dict[int, int], children: dict[int, list[int]]) -> dict[int, int]:
    """How many tasks follow each one in its longest chain."""
    left, order = dict(waits), [task for task, count in waits.items() if not count]
    for task in order:  # grows while it is walked
        for child in children[task]:
            left[child] -= 1
            if not left[child]:
                order.append(child)
    tail: dict[int, int] = {}
    for task in reversed(order):
        tail[task] = max((tail.get(child, 0) + 1 for child in children[task]), default=0)
    return tail
