"""Outcome: how a claim ended, as its holder reports it. Settlement: the result of reporting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tickets.models.claim.failure_kind import RATE_LIMITED, VALIDATION, kind_of
from tickets.models.claim.fence import ClaimLost
from tickets.models.discovery.new_discovery import NewDiscovery
from tickets.models.gate.new_artifact import NewArtifact


@dataclass(frozen=True)
class Outcome:
    """How the claim `fence` of `task` ended: `completed` with a result, or `failed` with an error and its
    kind, which the error decides if it is not given; and new artifacts, and what was found on the way.

    pool, resets_at: the account whose limit a `rate_limited` failure met, and until when.
    """

    task: int
    fence: int
    state: str
    result: Any = None
    error: str = ""
    kind: str = ""
    pool: str = ""
    resets_at: datetime | None = None
    artifacts: Sequence[NewArtifact] = ()
    discoveries: Sequence[NewDiscovery] = ()

    @property
    def failure_kind(self) -> str:
        """Empty if it is not a failure."""
        return (self.kind or kind_of(self.error)) if self.state == "failed" else ""

    @property
    def met_limit(self) -> bool:
        return self.failure_kind == RATE_LIMITED

    @property
    def failed_validation(self) -> bool:
        return self.failure_kind == VALIDATION

    @property
    def adds_work(self) -> bool:
        """Whether tasks or tickets may be made of it."""
        return bool(self.discoveries) or self.failed_validation

    @property
    def brings_more(self) -> bool:
        """Whether it brings anything besides the end of its claim."""
        return bool(self.artifacts) or self.adds_work


@dataclass(frozen=True)
class Settlement:
    """The result of one outcome: the task's state, or the error that names the present holder. `repeated`: it
    was settled before. `late`: after its lease had ended.
    """

    task: int
    state: str = ""
    lost: ClaimLost | None = None
    repeated: bool = False
    late: bool = False

    def or_raise(self) -> Settlement:
        if self.lost:
            raise self.lost
        return self
