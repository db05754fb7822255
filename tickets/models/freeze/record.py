"""What the journal tells of freezes: the latest ones, and whether anything was granted in spite of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omoi_site.database import sql

ACTS, EVENTS, NAMED = 20, 5_000, 5  # of the history; events looked at, and projects named of each act
PROJECTS, LOOKED_AT = 100, 200  # in which grants are looked for; events of each
HISTORY = sql.statement(__file__, "history")
GRANTS = sql.statement(__file__, "grants")


@dataclass(frozen=True)
class Act:
    """A freeze or a thaw. `names`: the first projects that it concerned, of `number`."""

    kind: str
    at: datetime
    actor: str
    reason: str
    everything: bool
    number: int
    names: Sequence[str]


@dataclass(frozen=True)
class Grants:
    grants: int
    last_at: datetime | None


def latest(projects: Sequence[int] | None) -> list[Act]:
    """Of these projects (None: of all), the latest first."""
    params: dict[str, Any] = {"projects": projects and list(projects), "most": EVENTS, "named": NAMED}
    if projects is not None and not projects:
        return []
    return [Act(**row) for row in sql.rows(HISTORY, params | {"limit": ACTS})]


def grants_since(frozen: Mapping[int, datetime]) -> Grants:
    """What was granted in these projects, each since then: by transactions that began before the freeze."""
    first = dict(list(frozen.items())[:PROJECTS])
    params = {"projects": list(first), "since": list(first.values()), "most": LOOKED_AT}
    row = sql.one(GRANTS, params)
    assert row
    return Grants(**row)
