"""Tickets as REST clients see them: JSON made by PostgreSQL, a page or some by id.

`TicketOut` in `tickets.api.tickets` describes the same fields for the OpenAPI document.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from agents.models import Actor
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
from tickets.models.explain.found_waits import TICKETS
from tickets.models.task.fields import TaskFields
from tickets.models.ticket.automation import AutomaticMoves
from tickets.models.ticket.fields import priority_name
from tickets.models.ticket.past_phases import FOLLOW_UP
from tickets.models.ticket.transitions import Transitions

Row = TypeVar("Row", bound=Transitions)

LAST = 2**63 - 1
EXAMINED = 5_000  # tickets that a page examines where no index answers a filter
MATCHES = {
    "phase": "k.phase = %(phase)s::text",
    "priority": "k.priority = %(priority)s::smallint",
    "label": "k.labels @> ARRAY[%(label)s]::varchar[]",
    "text": "(upper(k.title) LIKE upper(%(like)s::text) OR k.key = upper(%(text)s::text)"
    " OR k.source_id = %(text)s::text)",
}


@dataclass(frozen=True)
class TicketQuery:
    """Which tickets a list asks for. An empty filter asks for all."""

    project: str = ""
    phase: str = ""
    priority: int | None = None
    label: str = ""
    text: str = ""  # a part of the title, the key, or the id in the tool it was imported from
    archived: bool = False

    @functools.cached_property
    def filters(self) -> frozenset[str]:
        return frozenset(name for name in MATCHES if getattr(self, name) not in ("", None))

    @functools.cached_property
    def indexed(self) -> frozenset[str]:
        """The filters that an index answers."""
        return frozenset() if self.archived else self.filters & {"phase"}

    @functools.cached_property
    def asked(self) -> frozenset[str]:
        """The filters that are asked of each ticket found."""
        return self.filters - self.indexed


class TicketDocuments(AutomaticMoves[Row]):
    def documents(self, ids: Collection[int]) -> list[dict[str, Any]]:
        """These tickets as REST clients see them, newest first."""
        rows = sql.rows(BY_IDS, {"ids": list(ids)})
        return [json.loads(row["document"]) for row in sorted(rows, key=lambda row: -row["id"])]

    def page_json(
        self, query: TicketQuery, *, by: Actor, limit: int, before: int | None = None
    ) -> JsonPage | None:
        """The newest tickets that `by` sees and the query asks for, older than `before`, in one statement;
        None if `by` sees no such project.

        Where no index answers the filters, a page examines only `EXAMINED` tickets and may be short although
        there is a next one.
        """
        [row] = prepared.rows(
            page_statement(query), {**reader_params(by), **page_params(query, limit=limit, before=before)}
        )
        return JsonPage(row["results"], row["following"]) if row["projects"] or not query.project else None


def page_params(query: TicketQuery, *, limit: int, before: int | None = None) -> dict[str, Any]:
    """The parameters of a page, beside who reads it."""
    return {
        "project": query.project.upper(),
        "phase": query.phase,
        "priority": query.priority,
        "label": query.label,
        "text": query.text,
        "like": f"%{literal(query.text)}%",
        "before": LAST if before is None else before,
        "limit": limit,
        "examined": EXAMINED if query.asked else 0,
    }


def page_statement(query: TicketQuery) -> str:
    """The statement of such a page. There are few: a text that stays the same is planned only once."""
    return _page(bool(query.project), query.archived, query.indexed, query.asked)


def literal(text: str) -> str:
    """The text for LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _documents(ids: str) -> str:
    return sql.statement(
        __file__,
        "ticket_documents",
        ids=ids,
        follow_up=FOLLOW_UP,
        stored_wait=TICKETS.stored_wait,
        waiting_on_at=json_time("s.at"),
        priority=priority_name("k.priority"),
        counts=",\n".join(
            f"'{state}', count(*) FILTER (WHERE t.state = '{state}')" for state in TaskFields.State.values
        ),
        **{
            name: json_time(f"k.{name}")
            for name in ("phase_since", "archived_at", "created_at", "updated_at")
        },
    )


@functools.cache
def _page(one_project: bool, archived: bool, indexed: frozenset[str], asked: frozenset[str]) -> str:
    every_project = not (one_project or archived or indexed)
    index = ["k.project_id", *(f"k.{name}" for name in sorted(indexed)), "k.id"]
    parts = {
        "matches": " AND ".join(MATCHES[name] for name in sorted(asked)) or "true",
        "archived": f"k.archived_at IS {'NOT ' if archived else ''}NULL",
    }
    return sql.statement(
        __file__,
        "ticket_page",
        **parts,
        seen=seen_projects(
            ONE_PROJECT if one_project else JOINED_PROJECTS if every_project else ALL_PROJECTS
        ),
        index=", ".join(index),
        start=", ".join(["seen.id", *(f"%({name})s::text" for name in sorted(indexed))]),
        newest_first=", ".join(f"{column} DESC" for column in index),
        everywhere=sql.statement(__file__, "all_tickets", **parts) if every_project else "",
        documents=_documents("ARRAY(SELECT id FROM shown)"),
    )


BY_IDS = _documents("%(ids)s::bigint[]")
