"""Fit: cut contexts of phases to a size. The oldest detail goes first, and what went is counted.

First go the outputs of tasks, then the tasks and artifacts, then the summaries of phases, then notes, risks
and at last decisions. In each of these steps the oldest phase comes first, and in a phase the oldest item.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

Content = dict[str, Any]
Omitted = list[dict[str, Any]]

STEPS = (("outputs",), ("tasks", "artifacts"), ("summary",), ("notes",), ("risks",), ("decisions",))


def size_of(value: Any) -> int:
    """Bytes of its JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def fitted(contents: Sequence[tuple[str, Content]], size: int) -> tuple[list[Content], Omitted]:
    """The contents of these phases, oldest first, cut to `size` bytes of JSON in all, and what was left out:
    {phase, what, count}.
    """
    kept = [dict(content) for _, content in contents]
    omitted: Omitted = []
    over = sum(size_of(content) for content in kept) - size
    for step in STEPS:
        for (phase, _), content in zip(contents, kept, strict=True):
            for what in step:
                if over <= 0:
                    return kept, omitted
                count, freed = _drop(content, what, over)
                over -= freed
                if count:
                    omitted.append({"phase": phase, "what": what, "count": count})
    return kept, omitted


def _drop(content: Content, what: str, over: int) -> tuple[int, int]:
    """Leave out the oldest of `what` until that frees `over` bytes. Returns how many, and the bytes."""
    if what == "summary":
        freed = size_of(content["summary"]) - size_of("")
        content["summary"] = ""
        return int(freed > 0), freed
    if what == "outputs":
        tasks = list(content["tasks"])
        count = freed = 0
        for place, task in _with_outputs(tasks):
            if freed >= over:
                break
            freed += size_of({"outputs": task["outputs"]})
            tasks[place] = {name: value for name, value in task.items() if name != "outputs"}
            count += 1
        content["tasks"] = tasks
        return count, freed
    items = content[what]
    count = freed = 0
    for item in items:
        if freed >= over:
            break
        freed += size_of(item) + 2  # with its comma and blank
        count += 1
    content[what] = items[count:]
    return count, freed - 2 if count == len(items) > 0 else freed  # the last one has no comma


def _with_outputs(tasks: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((place, task) for place, task in enumerate(tasks) if "outputs" in task)
