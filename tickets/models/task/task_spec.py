"""The fields of a new task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tickets.models.coordination.operation import OperationSpec


@dataclass(frozen=True, slots=True)
class NeedSpec:
    """What a new task waits for: a task's id, or the `ref` of another in the same batch."""

    on: int | str
    when: str = "success"
    on_failure: str = "hold"


@dataclass(frozen=True)
class TaskSpec:
    """A task to add. Without `phase`: the phase in which the ticket's work is now. `needed_by`: pending tasks
    that from now on wait for it. `cancels_others`: what it no longer needs when it goes on is cancelled.
    `ended`: imported as done.
    """

    title: str
    ref: str = ""
    description: str = ""
    kind: str = "task"
    phase: str = ""
    priority: int | None = None
    capabilities: Sequence[str] = ()
    needs: Sequence[NeedSpec] = ()
    join: int | None = None
    needed_by: Sequence[int] = ()
    coordination: OperationSpec | None = None
    cancels_others: bool = False
    profile: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    timeout_s: int | None = None
    stall_after_s: int | None = None
    max_attempts: int = 3
    not_before: datetime | None = None
    deadline: datetime | None = None
    work_s: float | None = None
    ended: bool = False
    ended_at: datetime | None = None  # for an imported task; None: now
