"""The topics of the events since a cursor, for live pages.

The cursor is a snapshot: an event is new if the present snapshot sees it and the cursor did not. So nothing
is skipped, whatever the order of commits, and no open transaction holds the followers back.
"""

from __future__ import annotations

import functools
from typing import Any

import psycopg
from psycopg.rows import dict_row

from agents.models.journal_cursor import following, to_cursor
from omoi_site.database import sql
from omoi_site.errors import Malformed
from omoi_site.serving.journal_change import Change

MOST = 2000  # events; beyond that, it is cheaper to fetch everything again

WORK = "work"  # the topic that is rung when any project may have work
WORKFLOWS = "workflows"  # the topic of their list, which is rung when there is a new version of any
_brings_work: set[str] = set()
_makes_room: set[str] = set()
_frees_what_is_held: set[str] = set()
_holds = ["false"]
_rings: dict[str, str] = {}  # topics of their own, by the kind of event that rings them
CHANGES_RIGHTS = [
    "agent.joined",
    "agent.left",
    "agent.quarantined",
    "agent.retired",
    "key.revoked",
    "member.removed",
    "member.set",
]
NOW = "SELECT pg_current_snapshot()::text AS cursor, true AS lost"


def brings_work(*kinds: str) -> None:
    """Register kinds of events after which there may be work for waiting agents."""
    _brings_work.update(kinds)


def makes_room(*kinds: str) -> None:
    """Register kinds of events after which there may be work for waiting agents whose project or pools are
    limited.
    """
    _makes_room.update(kinds)


def frees_what_is_held(*kinds: str, where: str) -> None:
    """Register kinds of events after which there may be work for waiting agents in those projects `p` of
    which the condition `where`, in SQL, is true. It is asked once a project.
    """
    _frees_what_is_held.update(kinds)
    if where not in _holds:
        _holds.append(where)


def rings(topic: str, *kinds: str) -> None:
    """Register kinds of events that ring a topic which every page may follow, whatever they are about."""
    _rings.update(dict.fromkeys(kinds, topic))


def for_everybody(topic: str) -> bool:
    return topic == WORKFLOWS or topic in _rings.values()


def since() -> str:
    """SQL: what is new since a cursor."""
    return _statement(" OR ".join(_holds))


@functools.cache
def _statement(holds: str) -> str:
    return sql.statement(__file__, "journal_changes", most=str(MOST), holds=holds)


def changed_since(cursor: str) -> Change:
    """Read on Django's connection. For a malformed cursor, or one of another database, the topics are
    unknown.
    """
    try:
        row = sql.one(since(), _params(cursor))
    except Malformed:
        row = sql.one(NOW)
    assert row
    return _change(row)


async def look(link: psycopg.AsyncConnection[Any], cursor: str) -> Change:
    """Read on a separate, asynchronous connection."""
    async with link.cursor(row_factory=dict_row) as reading:
        await (reading.execute(since(), _params(cursor)) if cursor else reading.execute(NOW))
        row = await reading.fetchone()
    assert row
    return _change(row)


def _params(cursor: str) -> dict[str, Any]:
    return {
        "old": following(cursor).seen,
        "work": sorted(_brings_work),
        "room": sorted(_makes_room),
        "held": sorted(_frees_what_is_held),
        "rights": CHANGES_RIGHTS,
        "rings": list(_rings),
    }


def _change(row: dict[str, Any]) -> Change:
    cursor = to_cursor(row["cursor"])
    oldest_open = int(row["cursor"].partition(":")[0])
    if row["lost"]:
        return Change(None, cursor, rights=True, oldest_open=oldest_open)
    # the rights or keys of an agent
    agents = {topic for topic in row["topics"] if topic.startswith("agent:")}
    waking = frozenset(agents | set(row["work"]) | ({WORK} if row["work"] else set()))
    topics = set(row["topics"])
    if any(topic.startswith("workflow:") for topic in topics):
        topics.add(WORKFLOWS)
    topics.update(_rings[kind] for kind in row["rung"])
    return Change(frozenset(topics), cursor, waking, row["rights"], oldest_open)
