"""Claim: ready tasks become one agent's, in one statement whose cost does not grow with the backlog.

The statement looks into the lanes the agent can serve without locking, then locks exactly what it takes with
SKIP LOCKED. It sees one snapshot, taken before it waits for the agent's row: `grants` tells whether somebody
was granted meanwhile, and then it takes nothing and is run once more behind the lock. Lanes with locks or
limits will be arbitrated on a second path, which takes the tasks `took` would; they leave `heads` then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from agents.models import Agent, AgentUnavailable, Project, rights, via
from agents.models.agent import phase_names, words
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.claim.lease import Leasing
from tickets.models.explain.conditions import FITS, HEARD, RUNS_ALONE
from tickets.models.journal_sql import task_events
from tickets.models.task.conditions import READY
from tickets.models.task.record import TaskRecord

Row = TypeVar("Row", bound=TaskRecord)

# me: under the row's lock, newest version. seen: the same row by the snapshot.
ME = f"""
WITH me AS MATERIALIZED (
  SELECT a.id, a.name, a.capacity, a.grants, a.runs_profiles, a.sees_all, a.phases,
         CASE WHEN %(capabilities)s::varchar[] IS NULL THEN a.capabilities
              ELSE ARRAY(SELECT unnest(a.capabilities) INTERSECT SELECT unnest(%(capabilities)s::varchar[])) END AS capabilities
  FROM agents_agent a WHERE a.id = %(agent)s AND a.state = 'available' FOR NO KEY UPDATE),
room AS MATERIALIZED (
  SELECT me.*, me.grants <> seen.grants AS stale,
         CASE WHEN me.sees_all THEN ARRAY(SELECT p.id FROM agents_project p) ELSE ARRAY(SELECT p.project_id FROM agents_agent_projects p WHERE p.agent_id = me.id) END AS projects,
         load.held, CASE WHEN me.grants <> seen.grants OR load.alone THEN 0 ELSE greatest(0, least(%(limit)s::int, me.capacity - load.held)) END AS n
  FROM me JOIN agents_agent seen ON seen.id = me.id CROSS JOIN LATERAL (
    SELECT count(*)::int AS held, coalesce(bool_or({RUNS_ALONE.format(task="h")}), false) AS alone FROM tickets_task h WHERE h.holder_id = me.id) load),
"""
# turn: what comes first of all. Where that must run with nothing beside it, an agent that holds nothing takes
# it alone; the others go on without it,
# but for the first of those who fit, which takes nothing more until it is free for it.
CHOOSE = f"""
heads AS MATERIALIZED (
  SELECT l.id AS lane_id, l.alone, l.floor, h.rank, h.id
  FROM room CROSS JOIN tickets_lane l CROSS JOIN LATERAL (
    SELECT t.rank, t.id FROM tickets_task t
    WHERE t.lane_id = l.id AND {READY} AND t.rank >= l.floor ORDER BY t.rank, t.id LIMIT room.n) h
  WHERE room.n > 0 AND NOT l.paused AND {FITS.format(agent="room")}
    AND l.project_id = ANY (room.projects)
    AND (%(phases)s::varchar[] IS NULL OR l.phase = ANY (%(phases)s::varchar[]))
    AND (%(project)s::varchar IS NULL OR l.project_id = (SELECT j.id FROM agents_project j WHERE j.key = %(project)s::varchar))),
turn AS MATERIALIZED (
  SELECT h.alone, CASE WHEN NOT h.alone THEN room.n WHEN room.held = 0 THEN 1
                       WHEN EXISTS (SELECT FROM tickets_lane l JOIN agents_agent a ON {FITS.format(agent="a")} JOIN agents_agentpresence p ON p.agent_id = a.id
                                    WHERE l.id = h.lane_id AND a.id < room.id AND a.state = 'available' AND p.last_seen_at > clock_timestamp() - {HEARD}) THEN room.n
                       ELSE 0 END AS n
  FROM heads h CROSS JOIN room ORDER BY h.rank, h.id LIMIT 1),
quota AS MATERIALIZED (
  SELECT h.lane_id, h.floor, min(h.rank) AS rank, count(*) FILTER (WHERE h.place <= (SELECT n FROM room)) AS n
  FROM (SELECT *, row_number() OVER (ORDER BY rank, id) AS place FROM heads
        WHERE NOT alone OR (SELECT turn.alone AND room.held = 0 FROM turn, room)) h GROUP BY 1, 2),
pick AS MATERIALIZED (
  SELECT p.id FROM (SELECT * FROM quota ORDER BY n = 0, rank) o CROSS JOIN LATERAL (
    SELECT t.id FROM tickets_task t WHERE t.lane_id = o.lane_id AND {READY} AND t.rank >= o.floor
    ORDER BY t.rank, t.id LIMIT CASE WHEN o.n > 0 THEN o.n ELSE %(limit)s::bigint END FOR NO KEY UPDATE SKIP LOCKED) p
  LIMIT (SELECT n FROM turn)),
"""
# What makes a Claim, of a task's row.
GRANTED = """
t.id, t.ticket_id, t.ticket_key, t.phase, t.title, t.description, t.kind, t.priority, t.timeout_s, t.work_s, t.fence, t.attempts, t.error, t.rank,
t.lease_expires_at, t.profile, t.slots"""
GRANT_EVENTS = task_events(
    "took, room",
    "'task.claimed'",
    task="took.id",
    data="jsonb_build_object('fence', took.fence, 'attempt', took.attempts)",
    actor="'agent:' || room.name",
)
TAKE = f"""
took AS (
  UPDATE tickets_task t SET state = 'claimed', holder_id = room.id, fence = t.fence + 1, attempts = t.attempts + 1, events = t.events + 1,
         claimed_at = clock_timestamp(), lease_s = %(lease_s)s::int, lease_expires_at = clock_timestamp() + %(lease_s)s::int * interval '1 s',
         started_at = CASE WHEN NOT room.runs_profiles THEN clock_timestamp() END,
         timeout_at = clock_timestamp() + t.timeout_s * interval '1 s', progress = '{{}}', granted_with = %(granted_with)s
  FROM room WHERE t.id = ANY (ARRAY(SELECT id FROM pick))
  RETURNING {GRANTED}, t.project_id, t.events),
bump AS (
  UPDATE agents_agent a SET grants = a.grants + k.n FROM (SELECT count(*) AS n FROM took) k, room WHERE a.id = room.id AND k.n > 0),
log AS (
{GRANT_EVENTS})
"""
# Whether there is something to end or to wake, asked by who is granted nothing: in the same statement, for
# between two of them another may have done it. Without any room only what the agent itself holds counts. The
# first of each by its index: EXISTS would have PostgreSQL read a table in which it expects to find one soon.
LAPSED = """
CASE WHEN room.n = 0 THEN EXISTS (SELECT FROM tickets_task h WHERE h.holder_id = room.id AND h.lease_expires_at < clock_timestamp())
ELSE coalesce((SELECT lease_expires_at FROM tickets_task WHERE lease_expires_at IS NOT NULL ORDER BY lease_expires_at LIMIT 1) < clock_timestamp(), false) END
"""
DUE = """
room.n > 0 AND coalesce((SELECT not_before FROM tickets_task WHERE state = 'pending' AND not_due ORDER BY not_before LIMIT 1) <= clock_timestamp(), false)
"""
CLAIM = f"""
{ME} {CHOOSE} {TAKE}
SELECT room.stale, room.n, CASE WHEN took.id IS NULL THEN {LAPSED} END AS lapsed, CASE WHEN took.id IS NULL THEN {DUE} END AS due, took.*
FROM room LEFT JOIN took ON true ORDER BY took.rank, took.id
"""
# Waits for whoever is ending the first lapsed claim, or waking the first task that is due: what they free is
# there then.
LAPSING = "SELECT FROM tickets_task WHERE lease_expires_at < (SELECT clock_timestamp()) ORDER BY lease_expires_at LIMIT 1 FOR SHARE"
WAKING = "SELECT FROM tickets_task WHERE state = 'pending' AND not_due AND not_before <= (SELECT clock_timestamp()) ORDER BY not_before LIMIT 1 FOR SHARE"

# What the holder is told beside its task: the ticket, and what the tasks it needed have left. Wrapped list:
# see DECIDE.
BRIEF = """
SELECT t.id, k.title AS ticket_title, k.description AS ticket_description, k.context, k.phase <> t.phase AS first_of_phase,
       coalesce((SELECT jsonb_agg(jsonb_build_object('task', p.id::text, 'key', p.ticket_key || '.' || p.id, 'title', p.title, 'state', p.state, 'result', p.result) ORDER BY p.id)
                 FROM tickets_need n JOIN tickets_task p ON p.id = n.parent_id WHERE n.child_id = t.id), '[]') AS inputs,
       t.profile = '' OR (SELECT t.profile = ANY (j.profiles) FROM agents_project j WHERE j.id = t.project_id) AS granted
FROM tickets_task t JOIN tickets_ticket k ON k.id = t.ticket_id WHERE t.id = ANY ((SELECT %s::bigint[])::bigint[])
"""


class CapacityFull(OmoiError):
    """The agent holds as many tasks as it may."""

    code = "capacity_full"
    title = "The agent holds as many tasks as its capacity allows"
    next_action = "complete, fail or release a task first"


@dataclass(frozen=True)
class Claim:
    """A task granted: whoever holds it names `fence` in every later write."""

    task: int
    key: str
    title: str
    kind: str
    ticket: str
    ticket_id: int
    phase: str
    priority: int
    timeout_s: int | None
    fence: int
    attempt: int
    lease_expires_at: datetime
    profile: str
    granted: bool  # whether its project may use the profile
    slots: dict[str, Any]
    brief: dict[str, Any] = field(default_factory=dict)


class Claiming(Leasing[Row]):
    @sql.joined
    def claim(
        self,
        *,
        by: Agent,
        limit: int = 1,
        lease_s: int = 60,
        capabilities: Sequence[str] | None = None,
        phases: Sequence[str] | None = None,
        project: Project | None = None,
    ) -> list[Claim]:
        """Up to `limit` ready tasks, most urgent first; `capabilities`, `phases` and `project` narrow the
        choice.

        Finding nothing, it first ends what has lapsed and wakes what is due, and looks once more.
        Raises AgentUnavailable, and CapacityFull when there is no room at all.
        """
        rights.require(by, "work")
        asked = asking(by, limit, lease_s, capabilities, phases, project)
        took = self._take(asked)
        if took and took[0]["id"] is None and self._catch_up(took[0]):
            took = self._take(asked)
        if not took:
            raise AgentUnavailable("this agent is not available: it may claim nothing now")
        if not took[0]["n"]:
            raise CapacityFull()
        return self._brief(took)

    def _catch_up(self, missed: dict[str, Any]) -> bool:
        """End what has lapsed and wake what is due, or wait for whoever is about it; whether there was any."""
        if missed["lapsed"] and not self.lapse():
            sql.rows(LAPSING)
        if missed["due"] and not self.wake():
            sql.rows(WAKING)
        return bool(missed["lapsed"] or missed["due"])

    def _take(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """The tasks granted; or one row that says how much room the agent had (`n`) and what a sweep has not
        seen yet; or none: it is not available.
        """
        took = sql.rows(CLAIM, asked)
        if took and took[0]["stale"]:
            sql.rows("SELECT 1 FROM agents_agent WHERE id = %s FOR NO KEY UPDATE", [asked["agent"]])
            took = sql.rows(CLAIM, asked)
        return took

    def _brief(self, took: list[dict[str, Any]]) -> list[Claim]:
        took = [row for row in took if row["id"] is not None]
        if not took:
            return []
        briefs = {row["id"]: row for row in sql.rows(BRIEF, [[row["id"] for row in took]])}
        if moving := sorted({row["ticket_id"] for row in took if briefs[row["id"]]["first_of_phase"]}):
            hints.send("advance_tickets", moving)
        return [_claim(row | briefs[row["id"]]) for row in took]


def asking(
    by: Agent,
    limit: int,
    lease_s: int,
    capabilities: Sequence[str] | None,
    phases: Sequence[str] | None,
    project: Project | None,
) -> dict[str, Any]:
    """The parameters of CLAIM."""
    return {
        "agent": by.pk,
        "key": via(by),
        "limit": limit,
        "lease_s": lease_s,
        "capabilities": None if capabilities is None else words(capabilities),
        "phases": None if phases is None else phase_names(phases),
        "project": project and project.key,
        "granted_with": "",
    }


def _claim(row: dict[str, Any]) -> Claim:
    told = {
        "ticket": {"key": row["ticket_key"], "title": row["ticket_title"]},
        "description": row["description"] or row["ticket_description"],
        "context": row["context"],
        "inputs": row["inputs"],
    }
    if row["work_s"] is not None:
        told["work_s"] = row["work_s"]
    if row["attempts"] > 1:
        told["recovery"] = {"attempt": row["attempts"], "error": row["error"]}
    return Claim(
        task=row["id"],
        key=f"{row['ticket_key']}.{row['id']}",
        title=row["title"],
        kind=row["kind"],
        ticket=row["ticket_key"],
        ticket_id=row["ticket_id"],
        phase=row["phase"],
        priority=row["priority"],
        timeout_s=row["timeout_s"],
        fence=row["fence"],
        attempt=row["attempts"],
        lease_expires_at=row["lease_expires_at"],
        profile=row["profile"],
        granted=row["granted"],
        slots=row["slots"],
        brief=told,
    )
