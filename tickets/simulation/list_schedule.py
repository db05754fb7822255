"""The time that agents without any overhead would need: the list schedule."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping


def list_schedule(work: Mapping[int, float], needs: Iterable[tuple[int, int]], agents: int) -> float:
    """The seconds in which `agents` finish tasks of `work` seconds each, every task after its needs (parent,
    child), longest tail first.

    Graham's list schedule with the critical path as its list. A need of a task that is not in `work` counts
    as met. Tasks in a circle, and those that wait for them, are left out.
    """
    children: dict[int, list[int]] = defaultdict(list)
    waits = dict.fromkeys(work, 0)
    for parent, child in needs:
        if parent in waits and child in waits:
            children[parent].append(child)
            waits[child] += 1
    tail = _tails(work, waits, children)
    free = [(-tail.get(task, 0.0), task) for task, left in waits.items() if not left]
    heapq.heapify(free)
    running: list[tuple[float, int]] = []
    now = 0.0
    while free or running:
        while free and len(running) < agents:
            task = heapq.heappop(free)[1]
            heapq.heappush(running, (now + work[task], task))
        now, ended = heapq.heappop(running)
        for child in children[ended]:
            waits[child] -= 1
            if not waits[child]:
                heapq.heappush(free, (-tail.get(child, 0.0), child))
    return now


def _tails(
    work: Mapping[int, float], waits: Mapping[int, int], children: Mapping[int, list[int]]
) -> dict[int, float]:
    """Seconds from the start of each task to the end of its longest chain."""
    left, order = dict(waits), [task for task, count in waits.items() if not count]
    for task in order:  # grows during the loop
        for child in children.get(task, ()):
            left[child] -= 1
            if not left[child]:
                order.append(child)
    tail: dict[int, float] = {}
    for task in reversed(order):
        tail[task] = work[task] + max((tail.get(child, 0.0) for child in children.get(task, ())), default=0.0)
    return tail
