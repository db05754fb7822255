"""What a job says of its failure, in the file that its profile names for that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.executors.job import Ending
from agents.profiles import pool_name
from omoi_site import field_limits
from omoi_site.errors import short
from tickets.models.claim.failure_kind import KINDS, RATE_LIMITED

NAMES = ("kind", "pool", "resets_at")


@dataclass(frozen=True)
class ToldFailure:
    """kind, pool, resets_at: see Outcome. Raises ValueError for what cannot be."""

    kind: str
    pool: str = ""
    resets_at: datetime | None = None

    @classmethod
    def read(cls, document: Any) -> ToldFailure:
        if not isinstance(document, dict):
            raise ValueError(f"it must be an object with {', '.join(NAMES)}")
        if strange := [name for name in document if name not in NAMES]:
            raise ValueError(f"{short(strange[0], 60)} is not known; there are {', '.join(NAMES)}")
        kind = document.get("kind")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if len(document) > 1 and kind != RATE_LIMITED:
            raise ValueError(f"only a failure of the kind {RATE_LIMITED} has a pool or resets_at")
        return cls(kind, _pool(document), _moment(document))


def outcome_of(ending: Ending) -> dict[str, Any]:
    """Of a failure: error, kind, pool and resets_at, as Outcome has them. What the job says counts before
    what its end says; if it says nothing that can be, the error has that too.
    """
    if ending.failure is None:
        return {"error": ending.error, "kind": ending.kind}
    try:
        told = ToldFailure.read(ending.failure)
    except ValueError as fault:
        error = f"{ending.error}\nwhat it says of its failure cannot be used: {fault}"
        return {"error": error, "kind": ending.kind}
    return {"error": ending.error, "kind": told.kind, "pool": told.pool, "resets_at": told.resets_at}


def _pool(document: dict[str, Any]) -> str:
    if "pool" not in document:
        return ""
    name = document["pool"]
    if not isinstance(name, str) or not re.match(pool_name.PATTERN, name):
        raise ValueError("pool must be the name of a pool")
    return name


def _moment(document: dict[str, Any]) -> datetime | None:
    if "resets_at" not in document:
        return None
    try:
        moment = datetime.fromisoformat(document["resets_at"])
    except (TypeError, ValueError):
        raise ValueError("resets_at must be a time such as 2026-11-30T12:00:00Z") from None
    if fault := field_limits.moment_fault(moment):
        raise ValueError(f"resets_at: {fault}")
    return moment
