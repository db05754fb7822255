"""Explain: why tasks and tickets are not moving, who must act, and what would help.

It evaluates the obstacles, in a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import models

from omoi_site import humanize
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.explain.obstacle_base import Obstacle
from tickets.models.explain.sql_fragments import FROM_MANY_TASKS, FROM_TASK
from tickets.models.explain.task_obstacles import OBSTACLES, waiting_on

Row = TypeVar("Row", bound=models.Model)
Cause = dict[str, Any]  # {code, who, what, how, since, until}
Explanation = dict[str, Any]  # {waiting_on, causes}
KINDS = ("agent", "task", "ticket")  # a kind without a name means any of that kind
COLUMNS = sql.statement(__file__, "task_columns")


class WaitingTasks(models.QuerySet[Row]):
    def waiting_on(self, who: str) -> models.QuerySet[Row]:
        """Tasks that wait on `who`: operator, agents, clock, agent:ada, task:OMO-1.7, ticket:OMO-1. `agent`
        alone means any agent.
        """
        ids = f"SELECT t.id {FROM_MANY_TASKS} WHERE {waits_on(waiting_on(), OBSTACLES, who)}"
        return self.extra(where=[f"tickets_task.id IN ({ids})"], params=[who])


def explanations(ids: Iterable[int]) -> dict[int, Explanation]:
    """What each of these tasks waits on, and all its causes, in the order of the obstacles. A task that has
    ended for good has no cause and null.
    """
    rows = sql.rows(
        f"SELECT {COLUMNS}, {columns_of(OBSTACLES)} {FROM_TASK} WHERE t.id = ANY (%s)", [list(ids)]
    )
    away = hints.health() if any(row["has_profile"] and row["state"] == "pending" for row in rows) else ""
    return {row["id"]: _explanation(row, away) for row in rows}


def waits(ids: Iterable[int]) -> dict[int, str | None]:
    """Who each of these tasks waits on."""
    rows = sql.rows(f"SELECT t.id, {waiting_on()} AS who {FROM_TASK} WHERE t.id = ANY (%s)", [list(ids)])
    return {row["id"]: row["who"] for row in rows}


def _explanation(row: dict[str, Any], broker_away: str) -> Explanation:
    now = row["now"]
    values = {
        **row,
        "phase": humanize.phase(row["phase"]),
        "ticket_phase": humanize.phase(row["ticket_phase"]),
        "blocked_class": row["blocked_class"].replace("_", " "),
        "timeout": humanize.length(row["timeout_s"] or 0),
        "lease_end": humanize.relative(row["lease_expires_at"], now),
        "due_at": humanize.relative(row["not_before"], now),
        "holder_silent": humanize.passed(row["holder_seen_at"], now),
        "all_silent": humanize.passed(row["last_heard"], now),
    }
    causes = causes_of(OBSTACLES, values)
    if broker_away and row["has_profile"] and row["state"] == "pending":
        causes.append(_broker(broker_away))
    return {"waiting_on": causes[0]["who"] if causes else None, "causes": causes}


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
    """SQL columns `holds_n`, `who_n`, `since_n` and `until_n` for each obstacle."""
    return ",\n".join(
        f"({obstacle.when}) IS TRUE AS holds_{place},\n"
        f"CASE WHEN {obstacle.when} THEN {obstacle.who} END AS who_{place},\n"
        f"CASE WHEN {obstacle.when} THEN {obstacle.since} END AS since_{place},\n"
        f"CASE WHEN {obstacle.when} THEN {obstacle.until} END AS until_{place}"
        for place, obstacle in enumerate(obstacles)
    )


def causes_of(obstacles: Sequence[Obstacle], values: dict[str, Any]) -> list[Cause]:
    """The causes in one row that has `columns_of` these obstacles."""
    return [
        cause_of(obstacle, place, values)
        for place, obstacle in enumerate(obstacles)
        if values[f"holds_{place}"]
    ]


def cause_of(obstacle: Obstacle, place: int, values: dict[str, Any]) -> Cause:
    values = {**values, "who": values[f"who_{place}"]}
    return {
        "code": obstacle.code,
        "who": values["who"],
        "what": obstacle.say(obstacle.what, values),
        "how": obstacle.say(obstacle.how, values),
        "since": values[f"since_{place}"],
        "until": values[f"until_{place}"],
    }


def waits_on(case: str, obstacles: Sequence[Obstacle], who: str) -> str:
    """SQL: whether `case`, the who of the first obstacle, equals the parameter.

    A cheap test comes first: whether any obstacle with that kind of who holds.
    """
    sort = who.partition(":")[0]
    possible = " OR ".join(
        f"({obstacle.when})"
        for obstacle in obstacles
        if f"'{sort}" in obstacle.who or obstacle.who.startswith("(")
    )
    same = f"split_part({case}, ':', 1) = %s" if who in KINDS else f"{case} = %s"
    return f"({possible or 'false'}) AND {same}"


def meant(who: str, waits: str | None) -> bool:
    """The same test in Python: whether `who` names the one that is waited for."""
    return waits is not None and (waits.partition(":")[0] if who in KINDS else waits) == who
