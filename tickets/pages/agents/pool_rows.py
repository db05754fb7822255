"""Quota pools on the pages of agents: their state, when they are tried again, and who shares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q

from agents.models import Pool
from omoi_site.database import sql
from tickets.models.pool_state import documents

SHARERS = sql.statement(__file__, "pool_sharers")
MOST = 50  # pools of a page
NAMED = 8  # agents of a pool
TONES = {
    "open": ("ok", "circle-check", "open"),
    "full": ("warn", "circle-pause", "full"),
    "closed": ("bad", "lock", "closed"),
    "due": ("info", "clock", "tried with the next claim"),
    "tried": ("running", "loader-circle", "being tried"),
}


@dataclass(frozen=True)
class PoolRow:
    """sharers: the first agents that name it, of those that the person sees; `more` others do too."""

    name: str
    project: str | None
    limit: int | None
    claims: int
    state: str
    reason: str
    closed_by: str
    resets_at: datetime | None
    profiles: Sequence[str]
    probe: str | None
    sharers: Sequence[str]
    more: int

    @property
    def tone(self) -> str:
        return TONES[self.state][0]

    @property
    def icon(self) -> str:
        return TONES[self.state][1]

    @property
    def word(self) -> str:
        return TONES[self.state][2]

    @property
    def by_hand(self) -> bool:
        """Whether only a person opens it."""
        return self.state == "closed" and self.resets_at is None


def pool_rows(*, by: Any, agents: Sequence[int], names: Sequence[str] | None = None) -> list[PoolRow]:
    """The pools that the person sees, or those of these names: closed ones first, by when they are tried
    again. agents: those whose names they may read.
    """
    seen = Pool.objects.seen_by(by).select_related("project")
    if names is not None:
        seen = seen.filter(name__in=names)
    is_open = ExpressionWrapper(Q(closed_at=None), BooleanField())
    first = seen.order_by(is_open, "resets_at", "name")[: MOST + 1]
    shown = {document["name"]: document for document in documents(first)}
    if not shown:
        return []
    params = {"pools": list(shown), "ids": list(agents), "most": NAMED}
    sharers = {row["name"]: row for row in sql.rows(SHARERS, params)}
    return [_row(document, sharers.get(name)) for name, document in shown.items()]


def _row(document: dict[str, Any], sharers: dict[str, Any] | None) -> PoolRow:
    named = sharers["names"] if sharers else []
    own = (
        "name",
        "project",
        "limit",
        "claims",
        "state",
        "reason",
        "closed_by",
        "resets_at",
        "profiles",
        "probe",
    )
    return PoolRow(
        **{field: document[field] for field in own},
        sharers=named,
        more=sharers["number"] - len(named) if sharers else 0,
    )
