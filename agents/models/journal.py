"""The journal's history as REST clients see it: JSON made by PostgreSQL, in one statement.

`EventOut` in `agents.api.events` describes the same fields for the OpenAPI document.
"""

from __future__ import annotations

import functools
from typing import Any

from agents.models.actor import Actor
from agents.models.journal_cursor import place
from agents.models.json_page import (
    ALL_PROJECTS,
    JOINED_PROJECTS,
    ONE_PROJECT,
    JsonPage,
    json_time,
    reader_params,
    seen_projects,
)
from omoi_site.database import prepared, sql
from omoi_site.errors import Malformed

EXAMINED = 5_000  # events that a page examines where no index answers a filter
OF_PROJECT = "project:"


def page_json(*, by: Actor, limit: int, after: str = "", topic: str = "", kind: str = "") -> JsonPage:
    """The events that `by` sees after the position `after`, in the journal's order, up to the oldest
    transaction that is still open in the cluster. Raises Malformed.

    By kind, and outside of a topic, a page may be short although there is a next one.
    """
    params = {**reader_params(by), **page_params(after=after, topic=topic, kind=kind, limit=limit)}
    [row] = prepared.rows(page_statement(topic=topic, kind=kind), params)
    if row["ahead"]:
        raise Malformed("this cursor belongs to another database", next_action="Start without a cursor.")
    return JsonPage(row["results"], row["following"])


def page_params(*, limit: int, after: str = "", topic: str = "", kind: str = "") -> dict[str, Any]:
    """The parameters of a page, beside who reads it."""
    xid, last = place(after) if after else (0, 0)
    return {
        "topic": topic,
        "project": topic.removeprefix(OF_PROJECT),
        "kind": kind,
        "xid": str(xid),
        "id": last,
        "limit": limit,
        "most": EXAMINED if kind else limit,
        "examined": EXAMINED,
    }


def page_statement(*, topic: str = "", kind: str = "") -> str:
    """The statement of such a page. There are few: a text that stays the same is planned only once."""
    return _page("project" if topic.startswith(OF_PROJECT) else "topic" if topic else "all", bool(kind))


@functools.cache
def _page(source: str, by_kind: bool) -> str:
    parts = {"matches": "e.kind = %(kind)s::text" if by_kind else "true"}
    of_projects = sql.statement(__file__, "events_of_projects", **parts)
    walked = {
        "project": of_projects,
        "topic": sql.statement(__file__, "events_of_topic", **parts),
        "all": sql.statement(__file__, "events_of_all", of_projects=of_projects, **parts),
    }
    which = {"project": ONE_PROJECT, "topic": ALL_PROJECTS, "all": JOINED_PROJECTS}
    return sql.statement(
        __file__,
        "event_page",
        seen=seen_projects(which[source]),
        walked=walked[source],
        at=json_time("e.at"),
    )
