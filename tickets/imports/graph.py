"""Edges of a file before they are written: they may not lead back to where they came from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from tickets.models import Cycle


def refuse_cycles(edges: Iterable[tuple[str, str]], what: str) -> None:
    """Raise Cycle with the ids on it when edges (before, after) go round; `what` says what they mean."""
    graph: dict[str, set[str]] = {}
    for before, after in edges:
        graph.setdefault(after, set()).add(before)
    try:
        deque(TopologicalSorter(graph).static_order(), maxlen=0)
    except CycleError as error:
        ids: list[str] = error.args[1]
        raise Cycle(f"Nothing was imported. {what}: {' -> '.join(ids)}", cycle=ids) from None
