"""The queue: tasks across tickets, worst first, a page at a time.

First come those that failed, then those whose needs can no longer be met, those at work, those that wait, and
those that have ended. Inside a state they are in the order of their ids, so that a page reads what it shows.
Where no index answers a filter, a page examines only `EXAMINED` tasks, and may be short although there is a
next one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from omoi_site.database import sql
from omoi_site.field_limits import whole_number
from tickets.models.explain.found_waits import LAST, TASKS
from tickets.models.queue.task_filter import EVERY, UNFINISHED, TaskFilter
from tickets.models.task.readiness import READY
from tickets.models.task.task import Task

EXAMINED = 5_000  # tasks of a page, where no index answers a filter
COUNTED = 1_000  # tasks of a status
# Each place in the list: the state, and what else is asked of task `t`.
PLACES = (
    ("failed", "true"),
    ("pending", "t.unsatisfiable"),
    ("claimed", "true"),
    ("pending", "NOT t.unsatisfiable"),
    ("completed", "true"),
    ("cancelled", "true"),
)
PLACE = (
    "CASE"
    + "".join(f" WHEN t.state = '{state}' AND {also} THEN {n}" for n, (state, also) in enumerate(PLACES))
    + " END"
)
OF_STATUS = {
    "failed": (0,),
    "stuck": (1,),
    "running": (2,),
    "ready": (3,),
    "waiting": (3,),
    "done": (4,),
    "cancelled": (5,),
    UNFINISHED: (0, 1, 2, 3),
    EVERY: (0, 1, 2, 3, 4, 5),
}
# The filters that an index answers: few tasks have the same.
FEW = ("ids", "ticket", "agent", "error")
NAMED = re.compile(r"%\((\w+)\)s")
COUNTS = sql.statement(__file__, "queue_counts", ready=READY)


def states_of(status: str) -> list[str]:
    """The states of the tasks that have this status."""
    return sorted({PLACES[place][0] for place in OF_STATUS[status]})


class Place(NamedTuple):
    """Where a page ends: the place of its last task, and its id."""

    place: int = 0
    id: int | None = None

    def __str__(self) -> str:
        return f"{self.place}.{self.id}"

    @classmethod
    def read(cls, text: str) -> Place:
        """For nonsense, before the first."""
        place, pk = map(whole_number, text.partition(".")[::2])
        return cls() if place is None or pk is None else cls(min(place, len(PLACES)), pk)


@dataclass(frozen=True)
class QueuePage:
    """Ids in the order of the list. following: where the next page begins; None on the last one."""

    ids: Sequence[int] = ()
    following: Place | None = None


def queue_page(
    asked: TaskFilter,
    *,
    projects: Sequence[int],
    limit: int,
    after: Place = Place(),
    newest: bool = False,
) -> QueuePage:
    """The first tasks of these projects behind `after`. newest: in each state the newest first."""
    params = {**asked.params, "projects": list(projects)}
    if asked.waiting_on and not set(FEW) & set(asked.names):
        return _waiting(asked, params, limit, after)
    if set(FEW) & set(asked.names):
        return _found(asked, params, limit, after, newest)
    return _walked(asked, params, limit, after, newest)


def _bounds(after: int | None, newest: bool) -> dict[str, int]:
    if newest:
        return {"above": -1, "below": LAST if after is None else after}
    return {"above": -1 if after is None else after, "below": LAST}


def _found(asked: TaskFilter, params: dict[str, Any], limit: int, after: Place, newest: bool) -> QueuePage:
    params |= {"place": after.place, "most": limit + 1, **_bounds(after.id, newest)}
    rows = sql.tuples(_found_statement(asked.condition, newest), params)
    following = Place(*rows[limit - 1]) if len(rows) > limit else None
    return QueuePage([pk for _, pk in rows[:limit]], following)


def _waiting(asked: TaskFilter, params: dict[str, Any], limit: int, after: Place) -> QueuePage:
    """By who must act, in the order of ids: what is stored has an index of its own."""
    others = [asked.of(name) for name in asked.names if name != "waiting_on"]
    condition = " AND ".join(f"({each})" for each in (asked.of_status, *others))
    named = NAMED.findall(condition)
    of_task = (
        f"EXISTS (SELECT FROM tickets_task t WHERE t.id = tickets_task.id AND {NAMED.sub('%s', condition)})"
    )
    matching = Task.objects.extra(where=[of_task], params=[params[name] for name in named])
    ids, following = matching.waiting_on(
        asked.waiting_on, limit=limit, after=after.id or 0, projects=params["projects"]
    )
    return QueuePage(ids, Place(0, following) if following else None)


def _walked(asked: TaskFilter, params: dict[str, Any], limit: int, after: Place, newest: bool) -> QueuePage:
    ids: list[tuple[int, int]] = []
    left = EXAMINED
    for place in OF_STATUS[asked.status]:
        if place < after.place:
            continue
        state, also = PLACES[place]
        behind = after.id if place == after.place else None
        most = max(limit + 1, left // max(1, len(params["projects"]))) if asked.names else limit + 1
        matches = f"{also} AND {asked.condition}"
        rows = sql.tuples(
            _walk_statement(f"'{state}'", matches, newest),
            {**params, "most": most, **_bounds(behind, newest)},
        )
        complete = _complete(rows, most, newest)
        ids += [
            (place, pk)
            for _, pk, matched in rows
            if matched and (complete is None or _upto(pk, complete, newest))
        ]
        left -= len(rows)
        if len(ids) > limit:
            return QueuePage([pk for _, pk in ids[:limit]], Place(*ids[limit - 1]))
        if complete is not None:
            return QueuePage([pk for _, pk in ids], Place(place, complete))
    return QueuePage([pk for _, pk in ids])


def _complete(rows: Sequence[tuple[Any, ...]], most: int, newest: bool) -> int | None:
    """Up to which id each project was walked; None if all were to their end."""
    last: dict[int, tuple[int, int]] = {}
    for project, pk, _ in rows:
        number, _ = last.get(project, (0, 0))
        last[project] = (number + 1, pk)
    ends = [pk for number, pk in last.values() if number >= most]
    return (max(ends) if newest else min(ends)) if ends else None


def _upto(pk: int, complete: int, newest: bool) -> bool:
    return pk >= complete if newest else pk <= complete


@functools.lru_cache(200)
def _walk_statement(state: str, matches: str, newest: bool) -> str:
    order = "DESC" if newest else ""
    return sql.statement(__file__, "queue_walk", state=state, matches=matches, order=order)


@functools.lru_cache(200)
def _found_statement(condition: str, newest: bool) -> str:
    order = "DESC" if newest else ""
    return sql.statement(__file__, "queue_found", place=PLACE, found=condition, order=order)


def queue_rows(ids: Sequence[int]) -> list[Any]:
    """These tasks in this order, with who they wait on and who holds them or ended them."""
    rows = {task.pk: task for task in Task.objects.raw(_rows_statement(), {"ids": list(ids)})} if ids else {}
    return [rows[pk] for pk in ids if pk in rows]


@functools.cache
def _rows_statement() -> str:
    return sql.statement(__file__, "queue_rows", stored_wait=TASKS.stored_wait)


def queue_counts(projects: Sequence[int]) -> dict[str, int]:
    """How many tasks have each status: failed, stuck, running, ready, pending; COUNTED may be more."""
    row = sql.one(COUNTS, {"projects": list(projects), "most": COUNTED})
    assert row
    return row
