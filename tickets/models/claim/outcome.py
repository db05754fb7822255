"""Outcome: how a claim ended, as its holder reports it. Settlement: the result of reporting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tickets.models.claim.fence import ClaimLost
from tickets.models.gate.new_artifact import NewArtifact


@dataclass(frozen=True)
class Outcome:
    """How the claim `fence` of `task` ended: `completed` with a result, or `failed` with an error and its
    kind; and new artifacts.
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
    """The result of one outcome: the task's state, or the error that names the present holder. `repeated`: it
    was settled before.
    """

    task: int
    state: str = ""
    lost: ClaimLost | None = None
    repeated: bool = False

    def or_raise(self) -> Settlement:
        if self.lost:
            raise self.lost
        return self
