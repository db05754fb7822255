"""Explain: why tasks and tickets do not move, who must act, what would help.

From the obstacles, in a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import models

from omoi_site import spoken
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.explain.obstacles import OBSTACLES, PANORAMA, SCENE, Obstacle, Say, waiting_on

Row = TypeVar("Row", bound=models.Model)
Told = dict[str, Any]  # {waiting_on, causes: [{code, who, what, how, since, until}]}
KINDS = ("agent", "task", "ticket")  # of which any one is meant where none is named

FACTS = """
clock_timestamp() AS now,
t.id, t.ticket_key || '.' || t.id AS key, t.state, t.phase, t.attempts, t.max_attempts, t.timeout_s, t.error, t.capabilities, t.lease_expires_at, t.not_before,
k.key AS ticket, k.phase AS ticket_phase, k.pause_reason, k.blocked_class, k.blocked_reason, j.key AS project, j.pause_reason AS project_reason, l.has_profile,
l.alone AS runs_alone, t.worker_deaths,
h.name AS holder, hp.last_seen_at AS holder_seen_at, n.left_open, n.open_keys, n.unmet, f.able, f.free, f.absent, f.able_names, f.free_names, f.last_heard
"""


class WaitingTasks(models.QuerySet[Row]):
    def waiting_on(self, who: str) -> models.QuerySet[Row]:
        """Tasks that wait on `who`: operator, agents, clock, agent:ada, task:OMO-1.7, ticket:OMO-1; `agent`
        alone is any agent.
        """
        found = f"SELECT t.id {PANORAMA} WHERE {waits_on(waiting_on(), OBSTACLES, who)}"
        return self.extra(where=[f"tickets_task.id IN ({found})"], params=[who])


def explanations(ids: Iterable[int]) -> dict[int, Told]:
    """What each of these tasks waits on and every cause, the first obstacle first; no cause and null when it
    has ended for good.
    """
    rows = sql.rows(f"SELECT {FACTS}, {selected(OBSTACLES)} {SCENE} WHERE t.id = ANY (%s)", [list(ids)])
    away = hints.health() if any(row["has_profile"] and row["state"] == "pending" for row in rows) else ""
    return {row["id"]: _told(row, away) for row in rows}


def waits(ids: Iterable[int]) -> dict[int, str | None]:
    """Who each of these tasks waits on."""
    rows = sql.rows(f"SELECT t.id, {waiting_on()} AS who {SCENE} WHERE t.id = ANY (%s)", [list(ids)])
    return {row["id"]: row["who"] for row in rows}


def _told(row: dict[str, Any], broker_away: str) -> Told:
    facts = {
        **row,
        "phase": spoken.phase(row["phase"]),
        "ticket_phase": spoken.phase(row["ticket_phase"]),
        "blocked_class": row["blocked_class"].replace("_", " "),
        "lease_end": spoken.relative(row["lease_expires_at"], row["now"]),
        "due_at": spoken.relative(row["not_before"], row["now"]),
        "holder_seen": spoken.relative(row["holder_seen_at"], row["now"]) or "never",
        "last_heard_at": spoken.relative(row["last_heard"], row["now"]),
    }
    causes = [cause_of(each, place, facts) for place, each in enumerate(OBSTACLES) if row[f"holds_{place}"]]
    if broker_away and row["has_profile"] and row["state"] == "pending":
        causes.append(
            {
                "code": "broker",
                "who": "operator",
                "what": broker_away,
                "how": "Workers look by themselves, later.",
                "since": None,
                "until": None,
            }
        )
    return {"waiting_on": causes[0]["who"] if causes else None, "causes": causes}


def selected(obstacles: Sequence[Obstacle]) -> str:
    """Columns `holds_n`, `who_n`, `since_n` and `until_n` of each obstacle."""
    return ", ".join(
        f"({each.when}) IS TRUE AS holds_{place}, CASE WHEN {each.when} THEN {each.who} END AS who_{place}, CASE WHEN {each.when} THEN {each.since} END AS since_{place}, CASE WHEN {each.when} THEN {each.until} END AS until_{place}"
        for place, each in enumerate(obstacles)
    )


def waits_on(case: str, obstacles: Sequence[Obstacle], who: str) -> str:
    """SQL: `case`, the first obstacle's who, is the parameter.

    What is cheap comes first: whether an obstacle of that sort holds at all.
    """
    sort = who.partition(":")[0]
    possible = " OR ".join(
        f"({each.when})" for each in obstacles if f"'{sort}" in each.who or each.who.startswith("(")
    )
    asked = f"split_part({case}, ':', 1) = %s" if who in KINDS else f"{case} = %s"
    return f"({possible or 'false'}) AND {asked}"


def meant(who: str, waits: str | None) -> bool:
    """Whether `who` names the one this waits on: the same in Python."""
    return waits is not None and (waits.partition(":")[0] if who in KINDS else waits) == who


def cause_of(each: Obstacle, place: int, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": each.code,
        "who": facts[f"who_{place}"],
        "what": said(each.what, facts),
        "how": said(each.how, facts),
        "since": facts[f"since_{place}"],
        "until": facts[f"until_{place}"],
    }


def said(say: Say, facts: dict[str, Any]) -> str:
    return say(facts) if callable(say) else say.format_map(facts)
