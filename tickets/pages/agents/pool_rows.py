"""Quota pools on the pages of agents: their state, when they are tried again, and who shares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from agents.models import Pool, Project, rights
from omoi_site.database import sql
from tickets.models.pool_state import documents
from tickets.pages.actions.agent_permissions import ADMIN

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
    """sharers: the first agents that name it, of those that the person sees; `more` others do too. may:
    whether the person may close, open and limit it.
    """

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
    may: bool

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
    def acts(self) -> list[tuple[str, str]]:
        """What can be done with it by hand: name and label of each."""
        closed = self.state in ("closed", "due", "tried")
        return [("open", "Open") if closed else ("close", "Close"), ("limit", "Limit")]

    @property
    def by_hand(self) -> bool:
        """Whether only a person opens it."""
        return self.state == "closed" and self.resets_at is None


def pool_rows(*, by: Any, agents: Sequence[int], names: Sequence[str] | None = None) -> list[PoolRow]:
    """The pools that the person sees, or those of these names: closed ones first, by when they are tried
    again. agents: those whose names they may read.
    """
    seen = Pool.objects.seen_by(by)
    found = _documents(seen if names is None else seen.filter(name__in=names))
    managed = managed_by(by, {document["project"] for document in found}) if found else set()
    return _rows(found, managed, agents=agents)


def pool_rows_of(project: Project, *, may: bool) -> list[PoolRow]:
    """Those of a project. may: whether who looks manages them."""
    found = _documents(Pool.objects.filter(project=project))
    return _rows(found, {project.key} if may else set(), project=project)


def _documents(pools: QuerySet[Pool]) -> list[dict[str, Any]]:
    is_open = ExpressionWrapper(Q(closed_at=None), BooleanField())
    return documents(pools.select_related("project").order_by(is_open, "resets_at", "name")[: MOST + 1])


def _rows(
    found: list[dict[str, Any]],
    managed: set[str | None] | set[str],
    *,
    agents: Sequence[int] = (),
    project: Project | None = None,
) -> list[PoolRow]:
    if not found:
        return []
    params = {
        "pools": [document["name"] for document in found],
        "ids": list(agents),
        "project": project and project.pk,
        "most": NAMED,
    }
    sharers = {row["name"]: row for row in sql.rows(SHARERS, params)}
    return [
        _row(document, sharers.get(document["name"]), document["project"] in managed) for document in found
    ]


def managed_by(person: Any, projects: set[str | None]) -> set[str | None]:
    """Those of these projects (None: the installation) whose pools the person may close, open and limit."""
    if ADMIN in rights.scopes(person):
        return projects
    keys = projects - {None}
    allowing = Project.objects.allowing(person, ADMIN).filter(key__in=keys)
    return set(allowing.values_list("key", flat=True)) if keys else set()


def _row(document: dict[str, Any], sharers: dict[str, Any] | None, may: bool) -> PoolRow:
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
        may=may,
    )
