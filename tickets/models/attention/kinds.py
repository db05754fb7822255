"""The first kinds of attention. TicketsConfig.ready registers them."""

from __future__ import annotations

import re

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.registry import Act, Kind, Values, register
from tickets.models.explain import task_sentences
from tickets.models.explain.sentences import counted
from tickets.models.explain.sql_fragments import (
    EACH_OPEN_PHASES,
    FAILED_OPEN,
    FITS,
    IN_OPEN_PHASE,
    STUCK,
)
from tickets.models.task.readiness import READY

API = "/api/v1"
# Nobody stopped the work on purpose.
GOES_ON = "NOT k.paused AND k.archived_at IS NULL AND NOT j.paused"
MAY_WORK = sql.statement(__file__, "may_work", fits=FITS.format(agent="a"))
ABLE = sql.statement(__file__, "able", may_work=MAY_WORK)  # an agent is there for the work of lane `l`
MOST_WAITING = 100  # waiting tasks that are counted


def move_failed(values: Values) -> str:
    return f"it should move on from {humanize.phase(values['phase'])} but cannot: {values['move_fault']}"


def advance(values: Values) -> Act:
    to = values["details"]["to"]
    path = f"{API}/tickets/{values['ticket']}/transitions"
    return Act(f"Advance to {humanize.phase(to)}", "POST", path, {"to": to}, page="advance")


def task_failed(values: Values) -> str:
    say = task_sentences.worker_lost if values["failure"] == "worker_lost" else task_sentences.failed
    return say(values)


def retry(values: Values) -> Act:
    body = {"reason": "Retried from the attention list"}
    return Act("Retry", "POST", f"{API}/tasks/{values['task']}/retry", body, page="retry")


def nobody_able(values: Values) -> str:
    lane = values["details"]
    absent = [f"{agent['name']} is {agent['state']}" for agent in lane["absent"]]
    phase = humanize.phase(lane["lane_phase"])
    why = task_sentences.unable({**lane, "absent": absent, "project": values["project"], "phase": phase})
    count = lane["waiting"]
    ready = f"{MOST_WAITING} or more tasks" if count == MOST_WAITING else counted("task", count)
    return f"{why}; {ready} {'waits' if count == 1 else 'wait'}"


def bring_agent(values: Values) -> Act:
    """Make an agent available again, or add one. A worker cannot be started from here."""
    lane = values["details"]
    for agent in lane["absent"]:
        if agent["state"] != "quarantined":
            path = f"{API}/agents/{agent['name']}/availability"
            return Act(f"Make {agent['name']} available", "POST", path, {"available": True})
    if lane["has_profile"]:
        return Act("See why", "GET", f"{API}/tasks/{values['task']}/explain")
    skills = re.sub(r"[^a-z0-9]+", "-", "-".join(lane["capabilities"]).lower()).strip("-")[:40]
    body = {
        "name": f"{skills or 'agent'}-{values['id']}",
        "capabilities": lane["capabilities"],
        "projects": [values["project"]],
    }
    return Act("Add an agent", "POST", f"{API}/agents", body)


KINDS = [
    Kind(
        "move_fault",
        "Cannot move on",
        "bad",
        "circle-x",
        sql.statement(__file__, "move_fault", stuck=STUCK, goes_on=GOES_ON),
        move_failed,
        advance,
        details=sql.statement(__file__, "move_fault_details"),
    ),
    Kind(
        "task_failed",
        "Task failed",
        "bad",
        "circle-x",
        sql.statement(
            __file__,
            "task_failed",
            each_open_phases=EACH_OPEN_PHASES,
            failed_open=FAILED_OPEN,
            in_open_phase=IN_OPEN_PHASE,
            goes_on=GOES_ON,
        ),
        task_failed,
        retry,
    ),
    Kind(
        "nobody_able",
        "Nobody able",
        "attention",
        "bot",
        sql.statement(__file__, "nobody_able", able=ABLE, ready=READY),
        nobody_able,
        bring_agent,
        details=sql.statement(
            __file__, "nobody_able_details", ready=READY, may_work=MAY_WORK, most=str(MOST_WAITING)
        ),
    ),
]


def register_all() -> None:
    for kind in KINDS:
        register(kind)
