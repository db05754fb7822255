"""Kinds of attention about work that no agent takes: one item for all tasks that wait for the same agents."""

from __future__ import annotations

import re

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.registry import API, Act, Kind, Values
from tickets.models.explain import task_sentences
from tickets.models.explain.sentences import counted
from tickets.models.explain.sql_fragments import FITS, HAS_ROOM, HEARD
from tickets.models.task.readiness import READY

MOST_WAITING = 100  # waiting tasks that are counted
MAY_WORK = sql.statement(__file__, "may_work", fits=FITS.format(agent="a"))
HEARD_OF = f"""
AND (
  SELECT p.last_seen_at
  FROM agents_agentpresence p
  WHERE p.agent_id = a.id
) > clock_timestamp() - {HEARD}
"""
# An available agent may do the work of lane `l`; and has room for it; or was heard of lately.
ABLE = sql.statement(__file__, "able", may_work=MAY_WORK, besides="")
ROOMY = sql.statement(__file__, "able", may_work=MAY_WORK, besides=f"AND {HAS_ROOM}")
AWAKE = sql.statement(__file__, "able", may_work=MAY_WORK, besides=HEARD_OF)
DETAILS = sql.statement(__file__, "lane_details", ready=READY, may_work=MAY_WORK, most=str(MOST_WAITING))


def nobody_able(values: Values) -> str:
    lane = values["details"]
    absent = [f"{agent['name']} is {agent['state']}" for agent in lane["agents"][:3]]
    phase = humanize.phase(lane["lane_phase"])
    why = task_sentences.unable({**lane, "absent": absent, "project": values["project"], "phase": phase})
    return f"{why}; {_waiting(lane)}"


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
    return f"{', '.join(names[:3])}{others} could do it, but {silence}; {_waiting(lane)}"


def see_why(values: Values) -> Act:
    return Act("See why", "GET", f"{API}/tasks/{values['task']}/explain")


def _waiting(lane: Values) -> str:
    count = lane["waiting"]
    tasks = f"{MOST_WAITING} or more tasks" if count == MOST_WAITING else counted("task", count)
    return f"{tasks} {'waits' if count == 1 else 'wait'}"


NOBODY_ABLE = Kind(
    "nobody_able",
    "Nobody able",
    "attention",
    "bot",
    sql.statement(__file__, "lane_waiting", unserved=f"NOT {ABLE}", ready=READY),
    nobody_able,
    bring_agent,
    details=DETAILS,
)
AGENTS_SILENT = Kind(
    "agents_silent",
    "Agents silent",
    "bad",
    "triangle-alert",
    sql.statement(__file__, "lane_waiting", unserved=f"NOT {AWAKE} AND {ROOMY}", ready=READY),
    agents_silent,
    see_why,
    details=DETAILS,
)
