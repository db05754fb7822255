"""What the journal got since a cursor, as topics: what live pages ask again and again.

The cursor is a snapshot: what it had not seen and the present one has is new. So nothing is skipped, whatever
the order of commits, and no open transaction holds the followers back.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from agents.models.journal_cursor import following, to_cursor
from omoi_site.database import sql
from omoi_site.errors import Malformed
from omoi_site.serving.hub import Change

MOST = 2000  # events; past that, fetching everything again is cheaper than the list

# Not seen by a snapshot = begun after it (xmax) or still open then (xip): two index ranges, however old its
# oldest transaction is. The order is for the planner: without one a plan made for any cursor expects a third
# of the journal to be new, and reads it from its start.
SINCE = f"""
WITH news AS MATERIALIZED (
  (SELECT topic, project_id, kind FROM agents_event WHERE xid >= pg_snapshot_xmax(%(old)s::pg_snapshot)
   ORDER BY xid, id LIMIT {MOST + 1})
  UNION ALL
  (SELECT topic, project_id, kind FROM agents_event WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(%(old)s::pg_snapshot))) LIMIT {MOST + 1}))
SELECT pg_current_snapshot()::text AS cursor,
       (SELECT count(*) FROM news) > {MOST} OR pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(%(old)s::pg_snapshot) AS lost,
       ARRAY(SELECT DISTINCT told.topic FROM news LEFT JOIN agents_project p ON p.id = news.project_id
             CROSS JOIN LATERAL (VALUES (news.topic), ('project:' || p.key)) told(topic) WHERE told.topic IS NOT NULL) AS topics,
       EXISTS (SELECT FROM news WHERE kind = ANY (%(rights)s::varchar[])) AS rights,
       ARRAY(SELECT DISTINCT 'work:' || p.key FROM news JOIN agents_project p ON p.id = news.project_id WHERE news.kind = ANY (%(work)s::varchar[])) AS work"""
WORK = "work"  # rung whenever there may be work in any project
_brings_work: set[str] = set()
CHANGES_RIGHTS = [
    "agent.joined", "agent.left", "agent.quarantined", "agent.retired", "key.revoked", "member.removed", "member.set",
]  # fmt: skip
NOW = "SELECT pg_current_snapshot()::text AS cursor, true AS lost"


def brings_work(*kinds: str) -> None:
    """Register kinds of events after which there may be work for those who wait."""
    _brings_work.update(kinds)


def changed_since(cursor: str) -> Change:
    """Read on Django's connection; a cursor that is none of ours, or of another database, cannot tell."""
    try:
        row = sql.one(SINCE, _asked(cursor))
    except Malformed:
        row = sql.one(NOW)
    assert row
    return _change(row)


async def look(link: psycopg.AsyncConnection[Any], cursor: str) -> Change:
    """Read on a connection of one's own."""
    async with link.cursor(row_factory=dict_row) as reading:
        await (reading.execute(SINCE, _asked(cursor)) if cursor else reading.execute(NOW))
        row = await reading.fetchone()
    assert row
    return _change(row)


def _asked(cursor: str) -> dict[str, Any]:
    return {"old": following(cursor).seen, "work": sorted(_brings_work), "rights": CHANGES_RIGHTS}


def _change(row: dict[str, Any]) -> Change:
    cursor = to_cursor(row["cursor"])
    if row["lost"]:
        return Change(None, cursor, rights=True)
    agents = {
        topic for topic in row["topics"] if topic.startswith("agent:")
    }  # what it may do, or by which keys
    waking = frozenset(agents | set(row["work"]) | ({WORK} if row["work"] else set()))
    return Change(frozenset(row["topics"]), cursor, waking, row["rights"])
