"""The pools that profiles name, as their files say now.

A task is in a lane of the pools that its profile named when it came there. When the file changes, its open
tasks are moved; until then they count for the pools of before.
"""

from __future__ import annotations

import time
from collections import defaultdict

from psycopg.types.json import Jsonb

from agents import profiles
from agents.models import Pool
from agents.profiles import pools_of
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.claim.lease import BATCH
from tickets.models.task.lane import relane

MISPLACED = sql.statement(__file__, "misplaced")
SETTLED_S = 60  # longer than a transaction that has read the file before it changed, and adds tasks


def follow_profiles(limit: int = BATCH) -> int:
    """Move open tasks of profiles whose pools have changed into their present lanes; returns how many."""
    now = {name: pools for name in profiles.installed() if (pools := pools_of(name))}
    before = defaultdict[str, list[str]](list)
    for pool in Pool.objects.exclude(profiles=[]):
        for name in pool.profiles:
            before[name].append(pool.name)
    changed = {
        name: now.get(name, ())
        for name in now.keys() | before.keys()
        if now.get(name, ()) != tuple(sorted(before[name]))
    }
    moved = _move(changed, limit) if changed else 0
    settled = {name: pools for name, pools in changed.items() if _settled(name)}
    if settled and not moved:
        _remember(settled)
    return moved


@sql.atomic
def _move(changed: dict[str, tuple[str, ...]], limit: int) -> int:
    wanted = [{"profile": name, "pools": pools} for name, pools in changed.items()]
    ids = [row["id"] for row in sql.rows(MISPLACED, {"profiles": Jsonb(wanted), "limit": limit})]
    if ids:
        relane(ids)
        hints.send("work")
    return len(ids)


def _settled(name: str) -> bool:
    at = profiles.changed_at(name)
    return at is None or time.time() - at > SETTLED_S


@sql.atomic
def _remember(settled: dict[str, tuple[str, ...]]) -> None:
    """The pools know by which profiles they are named."""
    Pool.objects.ensure({pool for pools in settled.values() for pool in pools})
    for pool in Pool.objects.select_for_update(no_key=True).order_by("id"):
        others = set(pool.profiles) - settled.keys()
        named = sorted(others | {name for name, pools in settled.items() if pool.name in pools})
        if named != pool.profiles:
            pool.profiles = named
            pool.save(update_fields=["profiles"])
