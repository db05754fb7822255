"""What a holder says of its claims at their end, and what became of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tickets.models.claim.fence import ClaimLost
from tickets.models.gate.new_artifact import NewArtifact


@dataclass(frozen=True)
class Outcome:
    """How the claim `fence` of `task` ended: `completed` with a result, or `failed` with an error and its
    kind; with what was made.
    """

    task: int
    fence: int
    state: str
    result: Any = None
    error: str = ""
    kind: str = "transient"
    artifacts: Sequence[NewArtifact] = ()


@dataclass(frozen=True)
class Settlement:
    """What became of one outcome: the task's state, or the error that says who holds it now; `again`: it was
    so before.
    """

    task: int
    state: str = ""
    lost: ClaimLost | None = None
    again: bool = False

    def or_raise(self) -> Settlement:
        if self.lost:
            raise self.lost
        return self
