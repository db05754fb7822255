"""The present state of pools: what each allows, and how many claims it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.models import Pool
from omoi_site.database import sql
from tickets.models.explain.sql_fragments import POOL_CLAIMS, POOL_ROOM

STATES = sql.statement(__file__, "pool_states", room=POOL_ROOM, claims=POOL_CLAIMS)


def documents(pools: Iterable[Pool]) -> list[dict[str, Any]]:
    """Each of these pools as the API and the commands show it; one that was removed meanwhile is left out.

    state: `open`, `full`, `closed`, `due` (the next claim is its probe) or `tried` (a probe is held).
    probe: the key of its task.
    """
    rows = list(pools)
    states = {row.pop("id"): row for row in sql.rows(STATES, {"ids": [pool.pk for pool in rows]})}
    return [
        {
            "name": pool.name,
            "project": pool.project and pool.project.key,
            "limit": pool.limit,
            **states[pool.pk],
            "profiles": pool.profiles,
            "closed_at": pool.closed_at,
            "closed_by": pool.closed_by,
            "reason": pool.close_reason,
            "resets_at": pool.resets_at,
            "version": pool.version,
            "created_at": pool.created_at,
        }
        for pool in rows
        if pool.pk in states
    ]
