"""Checks of the tasks of the phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates.registry import Reason, gate_check


@gate_check("tasks_completed")
def tasks_completed(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The phase has tasks, and all that were not cancelled are completed."""
    counts = case.tasks()
    left, failed = counts["pending"] + counts["claimed"], counts["failed"]
    if failed:
        yield Reason("tasks_completed", "tasks_failed", 0, failed, "retry or cancel the failed tasks")
    if left:
        yield Reason("tasks_completed", "tasks_open", 0, left, "complete or cancel the open tasks")
    if not (failed or left or counts["completed"]):
        yield Reason("tasks_completed", "no_tasks", 1, 0, "add a task to this phase and complete it")
