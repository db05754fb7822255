"""Explain: why tasks and tickets are not moving, who must act, and what would help.

It evaluates the obstacles, in a fixed number of statements.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from omoi_site import humanize
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.explain.found_waits import TASKS
from tickets.models.explain.obstacle_base import Obstacle
from tickets.models.explain.sentences import late as late_by
from tickets.models.explain.sentences import on_page
from tickets.models.explain.sql_fragments import FROM_TASK, READY_SINCE, TAKEABLE, TAKEN_AT, fleets_of
from tickets.models.explain.task_obstacles import OBSTACLES, waiting_on
from tickets.models.task.readiness import OPEN

Row = TypeVar("Row", bound=models.Model)
Cause = dict[str, Any]  # {code, who, what, how, since, until}
Explanation = dict[str, Any]  # {waiting_on, causes, late}
ASKED = "t.id = ANY (%(ids)s)"
COLUMNS = sql.statement(
    __file__, "task_columns", takeable=TAKEABLE, taken_at=TAKEN_AT, ready_since=READY_SINCE
)


@functools.cache
def explanations_statement() -> str:
    """Composed at first use, when upper apps have added their obstacles."""
    return sql.statement(
        __file__,
        "task_explanations",
        fleets=fleets_of(ASKED),
        columns=COLUMNS,
        obstacles=columns_of(OBSTACLES),
        from_task=FROM_TASK,
    )


@functools.cache
def waits_statement() -> str:
    return f"WITH {fleets_of(ASKED)}\nSELECT t.id, {waiting_on()} AS who\n{FROM_TASK}\nWHERE {ASKED}"


class WaitingTasks(models.QuerySet[Row]):
    def waiting_on(
        self,
        who: str,
        *,
        limit: int,
        after: int = 0,
        projects: Collection[int] | None = None,
        few: bool = False,
    ) -> tuple[list[int], int | None]:
        """Ids of the first tasks of this set, with an id above `after`, that wait on `who`, as it is stored:
        operator, agents, clock, agent:ada, task:OMO-1.7, ticket:OMO-1. `agent` alone means any agent.

        At most `limit`, and the `after` of the next call, None if there are no more. `projects`: all those of
        this set; None: any. few: this set is a small part of what waits on `who`.
        """
        return TASKS.page(self, who, limit=limit, place=after, projects=projects, few=few)


def explanations(ids: Iterable[int], *, page: str = "") -> dict[int, Explanation]:
    """What each of these tasks waits on, and all its causes, in the order of the obstacles. A task that has
    ended for good has no cause and null. `late`: a sentence, if it is overdue or expected late. `page`: the
    ticket on whose page they are shown.
    """
    rows = sql.rows(explanations_statement(), {"ids": list(ids)})
    for row in rows:
        row["on_page"] = on_page(row["ticket"], page)
    hinted = any(row["has_profile"] and row["state"] == "pending" for row in rows)
    away = hints.health_lately() if hinted else ""
    return {row["id"]: _explanation(row, away) for row in rows}


def waits(ids: Iterable[int]) -> dict[int, str | None]:
    """Who each of these tasks waits on."""
    return {row["id"]: row["who"] for row in sql.rows(waits_statement(), {"ids": list(ids)})}


def _explanation(row: dict[str, Any], broker_away: str) -> Explanation:
    now = row["now"]
    row |= {
        "phase": humanize.phase(row["phase"]),
        "ticket_phase": humanize.phase(row["ticket_phase"]),
        "blocked_class": row["blocked_class"].replace("_", " "),
        "timeout": humanize.length(row["timeout_s"] or 0),
        "lease_end": humanize.relative(row["lease_expires_at"], now),
        "lease_ends": humanize.ends(row["lease_expires_at"], now),
        "held_for": humanize.passed(row["claimed_at"], now),
        "avoid_for": humanize.length(max(0, _left(row["avoid_until"], now) or 0)),
        "due_at": humanize.relative(row["not_before"], now),
        "due": humanize.coming(_left(row["not_before"], now)),
        "ready_for": humanize.passed(row["ready_since"], now),
        "inactive": humanize.passed(row["active_at"], now),
        "taken": humanize.coming(_left(row["taken_at"], now)),
        "holder_silent": humanize.passed(row["holder_seen_at"], now),
        "pool_reset": humanize.coming(_left(_reset(row["barred"]), now)),
        "all_silent": humanize.passed(row["last_heard"], now),
    }
    for each in row["kept"] or ():
        each["reset"] = humanize.coming(_left(_reset(each), now))
    causes = causes_of(OBSTACLES, row)
    if broker_away and row["has_profile"] and row["state"] == "pending":
        causes.append(_broker(broker_away))
    late = [sentence] if row["state"] in OPEN and (sentence := late_by(row["over_s"], row["late_s"])) else []
    return {"waiting_on": causes[0]["who"] if causes else None, "causes": causes, "late": late}


def _left(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else (at - now).total_seconds()


def _reset(barred: dict[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(barred["until"]) if barred and barred["until"] else None


def _broker(problem: str) -> Cause:
    return {
        "code": "broker",
        "who": "operator",
        "what": problem,
        "how": "Start the broker, or find out what is wrong with it: python3 manage.py doctor."
        " Until then workers find work by themselves, but later.",
        "since": None,
        "until": None,
    }


def columns_of(obstacles: Sequence[Obstacle]) -> str:
    """SQL columns of each obstacle: `who_n`, null unless it holds, and `since_n` and `until_n` if it has
    them.
    """
    return ",\n".join(
        f"CASE WHEN {obstacle.when} THEN {value} END AS {name}_{place}"
        for place, obstacle in enumerate(obstacles)
        for name, value in (("who", obstacle.who), ("since", obstacle.since), ("until", obstacle.until))
        if value
    )


def causes_of(obstacles: Sequence[Obstacle], values: dict[str, Any]) -> list[Cause]:
    """The causes in one row that has `columns_of` these obstacles."""
    return [
        cause_of(obstacle, place, values)
        for place, obstacle in enumerate(obstacles)
        if values[f"who_{place}"] is not None
    ]


def cause_of(obstacle: Obstacle, place: int, values: dict[str, Any]) -> Cause:
    values["who"] = values[f"who_{place}"]
    return {
        "code": obstacle.code,
        "who": values["who"],
        "what": obstacle.say(obstacle.what, values),
        "how": obstacle.say(obstacle.how, values),
        "since": values.get(f"since_{place}"),
        "until": values.get(f"until_{place}"),
    }
