"""Pages of lists as JSON made by PostgreSQL, in one statement that checks what the reader may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.models.actor import Actor, is_agent, pk_of
from omoi_site.database import sql

# Which projects a statement reads: the one asked for, or those of the reader. Who sees every project needs no
# project by project, unless a filter is faster that way.
ONE_PROJECT = "j.key = %(project)s::text"
ALL_PROJECTS = "true"
JOINED_PROJECTS = "NOT (SELECT sees_all FROM reader)"


@dataclass(frozen=True)
class JsonPage:
    """The text of a JSON array, and the position after which the next page begins; None if there is none."""

    results: str
    following: Any = None

    @property
    def empty(self) -> bool:
        return self.results == "[]"


def seen_projects(which: str) -> str:
    """SQL: the CTEs `reader` and `seen`, for the parameters of `reader_params` and `project`."""
    return sql.statement(__file__, "seen_projects", which=which)


def reader_params(who: Actor) -> dict[str, Any]:
    """The parameters that say who reads. A string, a part of the system, reads nothing this way."""
    return {"agent": pk_of(who), "person": None} if is_agent(who) else {"agent": None, "person": pk_of(who)}


def json_time(column: str) -> str:
    """SQL: the time as REST clients get it, as DRF writes it: in UTC, microseconds only if there are any."""
    text = f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"replace({text}, '.000000Z', 'Z')"
