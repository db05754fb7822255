"""Tasks as REST clients see them: JSON made by PostgreSQL, a page or some by id.

`TaskOut` in `tickets.api.tasks` describes the same fields for the OpenAPI document.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from tickets.models.explain.found_waits import TASKS
from tickets.models.explain.sql_fragments import FROM_TASK, RUNS_ALONE, fleets_of
from tickets.models.explain.task_obstacles import waiting_on
from tickets.models.task.fields import TaskFields
from tickets.models.task.intervene import TaskInterventions
from tickets.models.task.readiness import OVERDUE, READY
from tickets.models.ticket.fields import priority_name

Row = TypeVar("Row", bound=TaskFields)

EXAMINED = 5_000  # tasks that a page examines where no index answers a filter
OF_SEEN = "t.project_id = ANY (ARRAY(SELECT id FROM seen))"
MATCHES = {
    "ticket": "t.ticket_id = (SELECT k.id FROM tickets_ticket k WHERE k.key = %(ticket)s::text)",
    "holder": "t.holder_id = (SELECT a.id FROM agents_agent a WHERE a.name = %(holder)s::text)",
    "state": "t.state = %(state)s::text",
    "phase": "t.phase = %(phase)s::text",
    "capability": "t.capabilities @> ARRAY[%(capability)s]::varchar[]",
}
# Where a task stands in a list: `place`, the same as columns of an index, and what is behind `after` there.
BY_ID = {"place": "t.id", "order": "t.id", "behind": "t.id > %(after)s::bigint"}
BY_DEADLINE = {
    "place": "ARRAY[(extract(epoch FROM t.deadline) * 1000000)::bigint, t.id]",
    "order": "t.deadline, t.id",
    "behind": "(t.deadline, t.id) > (%(after_deadline)s::timestamptz, %(after)s::bigint)",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = (
    "not_before",
    "deadline",
    "claimed_at",
    "started_at",
    "lease_expires_at",
    "active_at",
    "stalled_at",
    "created_at",
    "ended_at",
)

TIMES_OF_WORK = sql.statement(__file__, "times_of_work")


@dataclass(frozen=True)
class TaskQuery:
    """Which tasks a list asks for. An empty filter asks for all."""

    project: str = ""
    ticket: str = ""
    holder: str = ""  # name of the agent
    state: str = ""
    phase: str = ""
    capability: str = ""
    overdue: bool = False

    @property
    def filters(self) -> frozenset[str]:
        return frozenset(name for name in MATCHES if getattr(self, name))

    @property
    def indexed(self) -> str:
        """The filter by whose index the tasks are found."""
        return next((name for name in ("ticket", "holder", "overdue", "state") if getattr(self, name)), "")

    @property
    def asked(self) -> frozenset[str]:
        """The filters that are asked of each task found."""
        return self.filters - {self.indexed}


@dataclass(frozen=True)
class DeadlinePlace:
    """Where a page of overdue tasks ends: these are listed by their deadlines, and then by their ids."""

    microseconds: int  # of the deadline, since 1970
    id: int

    def __str__(self) -> str:
        return f"{self.microseconds} {self.id}"

    @property
    def deadline(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.microseconds)


class TaskDocuments(TaskInterventions[Row]):
    def documents(self, ids: Collection[int], *, stored_waits: bool = False) -> list[dict[str, Any]]:
        """These tasks as REST clients see them, in the order of their ids. stored_waits: with who they wait
        on as it is stored, by which they were found.
        """
        rows = sql.rows(by_ids_statement(), {"ids": list(ids)})
        documents = [json.loads(row["document"]) for row in sorted(rows, key=lambda row: row["id"])]
        if stored_waits:
            stored = TASKS.stored(ids)
            for document in documents:
                if wait := stored.get(int(document["id"])):
                    document |= {"waiting_on": wait.who, "waiting_on_at": wait.at}
        return documents

    def times(self, pk: int) -> dict[str, float | None]:
        """How long the task has been worked on, or was; and until its timeout, if it is claimed."""
        [row] = sql.rows(TIMES_OF_WORK, [pk])
        return row

    def page_json(
        self, query: TaskQuery, *, by: Actor, limit: int, after: int | DeadlinePlace = 0
    ) -> JsonPage | None:
        """The first tasks that `by` sees and the query asks for, with ids above `after`, in one statement;
        None if `by` sees no such project. Overdue tasks come in the order of their deadlines.

        Where no index answers the filters, a page examines only `EXAMINED` tasks and may be short although
        there is a next one.
        """
        [row] = prepared.rows(
            page_statement(query), {**reader_params(by), **page_params(query, limit=limit, after=after)}
        )
        following = row["following"]
        if isinstance(following, list):
            following = DeadlinePlace(*following)
        return JsonPage(row["results"], following) if row["projects"] or not query.project else None


def page_params(query: TaskQuery, *, limit: int, after: int | DeadlinePlace = 0) -> dict[str, Any]:
    """The parameters of a page, beside who reads it."""
    deadline = "-infinity"
    if isinstance(after, DeadlinePlace):
        deadline, after = after.deadline.isoformat(), after.id
    return {
        "project": query.project.upper(),
        "ticket": query.ticket,
        "holder": query.holder,
        "state": query.state,
        "states": [query.state] if query.state else TaskFields.State.values,
        "phase": query.phase,
        "capability": query.capability,
        "after": after,
        "after_deadline": deadline,
        "limit": limit,
        "examined": EXAMINED if query.asked else 0,
    }


def page_statement(query: TaskQuery) -> str:
    """The statement of such a page. There are few: a text that stays the same is planned only once."""
    return _page(bool(query.project), query.indexed, query.overdue, query.asked)


@functools.cache
def by_ids_statement() -> str:
    """Composed at first use, when upper apps have added their obstacles."""
    return f"WITH {_documents('t.id = ANY (%(ids)s::bigint[])')}\nSELECT id, document FROM documents"


@functools.cache
def _page(one_project: bool, indexed: str, overdue: bool, asked: frozenset[str]) -> str:
    every_project = not (one_project or indexed)
    walked_alone = indexed in ("ticket", "holder")
    return sql.statement(
        __file__,
        "task_page",
        seen=seen_projects(
            ONE_PROJECT if one_project else JOINED_PROJECTS if every_project else ALL_PROJECTS
        ),
        walks=(
            "least(count(*), 1)"
            if walked_alone
            else "count(*)"
            if overdue
            else "count(*) * cardinality(%(states)s::varchar[])"
        ),
        walked=_walked(indexed if walked_alone else "", every_project, overdue, asked),
        documents=_documents("t.id = ANY (ARRAY(SELECT id FROM shown))"),
    )


def _walked(found_by: str, every_project: bool, overdue: bool, asked: frozenset[str]) -> str:
    """SQL: the tasks that are walked over, in the order of an index."""
    matches = " AND ".join(MATCHES[name] for name in sorted(asked)) or "true"
    if found_by:
        found = f"{MATCHES[found_by]} AND {OF_SEEN}"
        if overdue:
            return sql.statement(
                __file__, "tasks_found", found=f"{found} AND {OVERDUE}", matches=matches, **BY_DEADLINE
            )
        return sql.statement(__file__, "tasks_found", found=found, matches=matches, **BY_ID)
    if overdue:
        return sql.statement(__file__, "tasks_overdue", overdue=OVERDUE, matches=matches, **BY_DEADLINE)
    by_state = sql.statement(__file__, "tasks_by_state", matches=matches)
    if not every_project:
        return by_state
    everywhere = sql.statement(
        __file__, "tasks_found", found="(SELECT sees_all FROM reader)", matches=matches, **BY_ID
    )
    return f"{by_state}\nUNION ALL ({everywhere})"


def _documents(tasks: str) -> str:
    return sql.statement(
        __file__,
        "task_documents",
        tasks=tasks,
        fleets=fleets_of(tasks),
        waiting_on=waiting_on(),
        from_task=FROM_TASK,
        priority=priority_name("t.priority"),
        ready=READY,
        runs_alone=RUNS_ALONE.format(task="t"),
        since=json_time("d.since"),
        now=json_time("clock_timestamp()"),
        **{name: json_time(f"t.{name}") for name in TIMES},
    )
