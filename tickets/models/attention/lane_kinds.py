"""Kinds of attention about work that no agent takes: one item for all tasks of a lane."""

from __future__ import annotations

import re

from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models.attention.registry import API, Act, Kind, Values, see_why
from tickets.models.explain import task_sentences
from tickets.models.explain.sql_fragments import (
    CRITICAL_LONG,
    HAS_ROOM,
    HEARD,
    LANE_HELD_BACK,
    MAY_WORK,
    READY_SINCE,
    barred_by,
    fleet_agents_of,
    limited_of,
)
from tickets.models.freeze.frozen import frozen
from tickets.models.task.readiness import READY

MOST_WAITING = 100  # waiting tasks that are counted
# The agents of `places`, with which lanes are compared, and what is at work where that is limited.
OF_PLACES = "SELECT j.id FROM places j"
FLEET = f"{fleet_agents_of(OF_PLACES)},\n{limited_of(OF_PLACES)}"
# An available agent may do the work of lane `l`; and has room for it, also within the limits `b` of its
# project and in the pools of both; or was heard of lately.
ABLE = sql.statement(__file__, "able", may_work=MAY_WORK, besides="")
ROOMY = sql.statement(
    __file__,
    "able",
    may_work=MAY_WORK,
    besides=f"AND {HAS_ROOM} AND (b.agents_full IS NOT TRUE OR l.project_id = ANY (a.works_in))"
    f" AND a.barred IS NULL AND {barred_by('l.pools')} IS NULL",
)
AWAKE = sql.statement(
    __file__, "able", may_work=MAY_WORK, besides=f"AND a.last_seen_at > clock_timestamp() - {HEARD}"
)
# Each kind of work: which tasks, in which order, and since when. The index task_critical has the second.
READY_WORK = {"work": READY, "order": "t.rank", "since": "coalesce(t.ready_at, t.created_at)"}
CRITICAL_WORK = {"work": f"{READY} AND {CRITICAL_LONG}", "order": "t.ready_at", "since": READY_SINCE}


def lanes_with(work: str, *, order: str, since: str) -> str:
    """SQL: the lanes with this work."""
    return sql.statement(
        __file__, "lanes_with_work", work=work, order=order, since=since, frozen=frozen("l.project_id")
    ).rstrip()


LANES = lanes_with(**{**READY_WORK, "work": f"t.rank >= l.floor AND {READY}"})
CRITICAL_DETAILS = sql.statement(
    __file__,
    "critical_details",
    may_work=MAY_WORK,
    has_room=HAS_ROOM,
    heard=HEARD,
    other_ready=READY.replace("t.", "o."),
    **CRITICAL_WORK,
    most=str(MOST_WAITING),
)
DETAILS = sql.statement(__file__, "lane_details", ready=READY, may_work=MAY_WORK, most=str(MOST_WAITING))


def nobody_able(values: Values) -> str:
    lane = values["details"]
    absent = [f"{agent['name']} is {agent['state']}" for agent in lane["agents"][:3]]
    phase = humanize.phase(lane["lane_phase"])
    why = task_sentences.unable({**lane, "absent": absent, "project": values["project"], "phase": phase})
    return f"{why}; {_waiting(lane)}"  # it says already which work that is


def bring_agent(values: Values) -> Act:
    """Make an agent available again, or add one. A worker cannot be started from here."""
    lane = values["details"]
    for agent in lane["agents"]:
        if agent["state"] != "quarantined":
            path = f"{API}/agents/{agent['name']}/availability"
            return Act(f"Make {agent['name']} available", "POST", path, {"available": True})
    if lane["has_profile"]:
        return see_why(values)
    skills = re.sub(r"[^a-z0-9]+", "-", "-".join(lane["capabilities"]).lower()).strip("-")[:40]
    body = {
        "name": f"{skills or 'agent'}-{values['id']}",
        "capabilities": lane["capabilities"],
        "projects": [values["project"]],
    }
    return Act("Add an agent", "POST", f"{API}/agents", body)


def agents_silent(values: Values) -> str:
    lane = values["details"]
    names = [agent["name"] for agent in lane["agents"] if agent["state"] == "available"]
    length = "" if lane["silent_s"] is None else humanize.length(lane["silent_s"])
    others = " and others" if len(names) > 3 else ""
    silence = task_sentences.silence(length, len(names))
    return f"{', '.join(names[:3])}{others} could do it, but {silence}; {_work_waiting(lane)}"


def critical(values: Values) -> str:
    lane = values["details"]
    lane = {**lane, "ready_for": humanize.length(lane["ready_s"])}
    return f"{task_sentences.critical(lane)}; {_work_waiting(lane)}"


def bump(values: Values) -> Act:
    """Where other work of its lane comes first; else look at the agents that do not claim."""
    if not values["details"]["behind"]:
        return see_why(values)
    body = {"reason": "Bumped from the attention list"}
    return Act("Bump", "POST", f"{API}/tasks/{values['task']}/bump", body, page="bump")


def _work_waiting(lane: Values) -> str:
    """The same agents may have other items, about work of other phases or capabilities."""
    skills = " and ".join(lane["capabilities"])
    need = "needs" if lane["waiting"] == 1 else "need"
    of = f" of {humanize.phase(lane['lane_phase'])}"
    return _waiting(lane, f"{of} that {need} {skills}" if skills else of)


def _waiting(lane: Values, which: str = "") -> str:
    count = lane["waiting"]
    tasks = f"{MOST_WAITING} or more tasks" if count == MOST_WAITING else counted(count, "task")
    return f"{tasks}{which} {'waits' if count == 1 else 'wait'}"


NOBODY_ABLE = Kind(
    "nobody_able",
    "Nobody able",
    "attention",
    "bot",
    sql.statement(__file__, "nobody_able", lanes=LANES, able=ABLE),
    nobody_able,
    bring_agent,
    details=DETAILS,
    swept=True,
)
AGENTS_SILENT = Kind(
    "agents_silent",
    "Agents silent",
    "bad",
    "triangle-alert",
    sql.statement(
        __file__, "not_taken", **READY_WORK, who="admin", lanes=LANES, awake=f"NOT {AWAKE}", roomy=ROOMY
    ),
    agents_silent,
    see_why,
    details=DETAILS,
    swept=True,
)
CRITICAL = Kind(
    "critical",
    "Critical work not taken",
    "warn",
    "clock",
    sql.statement(
        __file__,
        "not_taken",
        **CRITICAL_WORK,
        who="operator",
        lanes=lanes_with(**CRITICAL_WORK),
        awake=AWAKE,
        roomy=f"{ROOMY} AND NOT {LANE_HELD_BACK}",
    ),
    critical,
    bump,
    details=CRITICAL_DETAILS,
    indexed=False,
    swept=True,
)
