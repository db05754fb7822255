"""The fields of a new task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class NeedSpec:
    """What a new task waits for: a task's id, or the `ref` of another in the same batch."""

    on: int | str
    when: str = "success"
    on_failure: str = "hold"


@dataclass(frozen=True)
class TaskSpec:
    """A task to add. Without `phase`: the phase in which the ticket's work is now. `ended`: imported as
    done.
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
    profile: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    timeout_s: int | None = None
    max_attempts: int = 3
    not_before: datetime | None = None
    deadline: datetime | None = None
    work_s: float | None = None
    ended: bool = False
    ended_at: datetime | None = None  # for an imported task; None: now
