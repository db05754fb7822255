"""Who tasks, tickets and lanes wait on, as it is stored: the same obstacles as in an explanation.

What is a task's own is stored with it; what all ready tasks of a lane share is stored once for the lane.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from omoi_site.database import sql
from tickets.models.explain import ticket_obstacles
from tickets.models.explain.obstacle_base import FULL_WAITS
from tickets.models.explain.sql_fragments import (
    BY_HAND,
    CLOCK,
    CRITICAL_LONG,
    FROM_TASK,
    FROM_TICKET,
    IN_WORK,
    LANE_JOINS,
    LEFT_OPEN,
    READY_SINCE,
    STALLS_AT,
    UNFINISHED,
    fleets_of,
    fleets_of_lanes,
    rooms_in,
    rooms_of,
)
from tickets.models.explain.task_obstacles import OF_LANE, first_cause, own, waiting_on
from tickets.models.task.readiness import CRITICAL, NOT_DUE, READY

EVERY_S = 5  # what depends on time is looked at again so often
NEXT = f"clock_timestamp() + interval '{EVERY_S} s'"


@functools.cache
def of_tasks() -> str:
    """Of the tasks `ids`. Composed at first use, when upper apps have added their obstacles."""
    return _stored(
        "tickets_taskwait",
        fleets=fleets_of("t.id = ANY (%(ids)s)"),
        found=f"{_task_wait()}\nWHERE t.id = ANY (%(ids)s) AND t.state IN ('pending', 'claimed', 'failed')",
    )


@functools.cache
def of_tickets() -> str:
    """Of the tickets `ids`."""
    obstacles = [
        replace(each, who="first.who") if each is ticket_obstacles.TASKS else each
        for each in ticket_obstacles.OBSTACLES
        if each not in ticket_obstacles.STOPS
    ]
    wait = sql.statement(
        __file__,
        "ticket_wait",
        from_ticket=FROM_TICKET,
        task_wait=_task_wait(),
        own=first_cause(obstacles),
        next=NEXT,
        idle=ticket_obstacles.IDLE.strip(),
        unfinished=UNFINISHED,
    )
    return _stored(
        "tickets_ticketwait",
        fleets=f"{fleets_of('t.ticket_id = ANY (%(ids)s)')},\n{rooms_of('k.id = ANY (%(ids)s)')}",
        found=f"{wait}\nWHERE k.id = ANY (%(ids)s)\n  AND ({UNFINISHED} OR {LEFT_OPEN} > 0)",
        more=("room_id", "idle_since"),
        shared="room_id",
    )


@functools.cache
def of_rooms() -> str:
    """Of all tickets that wait for room in a full phase, where that has changed; `most` of each phase."""
    return sql.statement(
        __file__,
        "store_room_waits",
        rooms=rooms_in("SELECT project_id, room_id AS id FROM awaited"),
        full_waits=FULL_WAITS,
        clock=CLOCK,
    )


@functools.cache
def of_lanes() -> str:
    """Of the lanes `lanes`, in all variants."""
    waits = sql.statement(
        __file__,
        "lane_waits",
        fleets=fleets_of_lanes("SELECT unnest(%(lanes)s::bigint[])"),
        waiting_on=waiting_on(OF_LANE),
        lane_joins=LANE_JOINS,
    )
    return sql.statement(__file__, "store_lane_waits", waits=waits.rstrip())


def _stored(table: str, *, fleets: str, found: str, more: Sequence[str] = (), shared: str = "") -> str:
    """more: columns that only this table has. shared: one of them; a row with it is looked at with others."""
    return sql.statement(
        __file__,
        "store_waits",
        table=table,
        fleets=fleets,
        found=found,
        next=NEXT,
        more="".join(f",\n{name}" for name in more),
        set_more="".join(f",\n{name} = excluded.{name}" for name in more),
        or_more_differs="\n".join(f"OR o.{name} IS DISTINCT FROM f.{name}" for name in more),
        or_due=shared and f" OR o.{shared} IS NOT NULL",
        or_gone_due=shared and f" OR {shared} IS NOT NULL",
    )


def _task_wait() -> str:
    return sql.statement(
        __file__,
        "task_wait",
        from_task=FROM_TASK,
        own=first_cause(own()),
        of_lane=first_cause(OF_LANE),
        in_work=IN_WORK,
        ready=READY,
        by_hand=BY_HAND,
        not_due=NOT_DUE,
        critical=CRITICAL,
        critical_long=CRITICAL_LONG,
        ready_since=READY_SINCE,
        stalls_at=STALLS_AT,
        once_a_minute="interval '1 min'",
        next=NEXT,
    ).rstrip()
