"""What the journal got since a cursor, as topics: what live pages ask again and again.

The cursor is a snapshot: what it had not seen and the present one has is new. So nothing is skipped, whatever the order of
commits, and no open transaction holds the followers back.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg
from django.db import DataError
from psycopg.rows import dict_row

from omoi_site import db
from omoi_site.hub import Change

MOST = 2000  # events; past that, fetching everything again is cheaper than the list
CURSOR = re.compile(r"\A\d{1,20}\.\d{1,20}\.(\d{1,20}(-\d{1,20})*)?\Z", re.ASCII)

# Not seen by a snapshot = begun after it (xmax) or still open then (xip): two index ranges, however old its oldest transaction is.
SINCE = f"""
WITH news AS MATERIALIZED (
  (SELECT topic, project_id FROM agents_event WHERE xid >= pg_snapshot_xmax(%(old)s::pg_snapshot) LIMIT {MOST + 1})
  UNION ALL
  (SELECT topic, project_id FROM agents_event WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(%(old)s::pg_snapshot))) LIMIT {MOST + 1}))
SELECT pg_current_snapshot()::text AS cursor,
       (SELECT count(*) FROM news) > {MOST} OR pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(%(old)s::pg_snapshot) AS lost,
       ARRAY(SELECT DISTINCT told.topic FROM news LEFT JOIN agents_project p ON p.id = news.project_id
             CROSS JOIN LATERAL (VALUES (news.topic), ('project:' || p.key)) told(topic) WHERE told.topic IS NOT NULL) AS topics"""
NOW = "SELECT pg_current_snapshot()::text AS cursor, true AS lost"


def changed_since(cursor: str) -> Change:
    """Read on Django's connection; a cursor that is none of ours, or of another database, cannot tell."""
    try:
        row = db.one(SINCE, {"old": _snapshot(cursor)}) if CURSOR.match(cursor) else db.one(NOW)
    except DataError:  # well-formed, but no snapshot
        row = db.one(NOW)
    assert row
    return _change(row)


async def look(link: psycopg.AsyncConnection[Any], cursor: str) -> Change:
    """Read on a connection of one's own; never prepared, because a plan without the cursor's value would expect a third of the journal."""
    async with link.cursor(row_factory=dict_row) as reading:
        await (reading.execute(SINCE, {"old": _snapshot(cursor)}, prepare=False) if cursor else reading.execute(NOW))
        row = await reading.fetchone()
    assert row
    return _change(row)


def _change(row: dict[str, Any]) -> Change:
    return Change(None if row["lost"] else frozenset(row["topics"]), row["cursor"].replace(":", ".").replace(",", "-"))


def _snapshot(cursor: str) -> str:
    return cursor.replace(".", ":").replace("-", ",")
