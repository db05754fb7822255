"""Leases: renewed by who holds, ended by time.

Expiry is judged by the database's clock, in the statement that writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Agent, rights, via
from omoi_site import limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.claim.held import HELD, claims_now, lost
from tickets.models.explain.conditions import RUNS_ALONE
from tickets.models.journal_sql import task_events
from tickets.models.sweep_run import SweepRun
from tickets.models.task.conditions import READY
from tickets.models.task.lane import lower_floors_of, relane
from tickets.models.task.readiness import decide
from tickets.models.task.record import TaskRecord

Row = TypeVar("Row", bound=TaskRecord)

BATCH = 100

RENEW = f"""
WITH i AS (SELECT * FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS i(id, fence)),
mine AS MATERIALIZED (SELECT t.id FROM tickets_task t JOIN i ON {HELD} ORDER BY t.id FOR NO KEY UPDATE OF t),
kept AS (
  UPDATE tickets_task t SET lease_expires_at = clock_timestamp() + coalesce(%(lease_s)s::int, t.lease_s) * interval '1 s'
  FROM mine WHERE t.id = mine.id RETURNING t.id, t.fence, t.lease_expires_at)
SELECT i.id, i.fence, kept.lease_expires_at FROM i LEFT JOIN kept USING (id, fence)
"""
RELEASE = f"""
WITH i AS (SELECT %(task)s::bigint AS id, %(fence)s::bigint AS fence),
gone AS (
  UPDATE tickets_task t SET state = 'pending', holder_id = NULL, lease_expires_at = NULL, timeout_at = NULL, attempts = t.attempts - 1, events = t.events + 1,
         settled_by = %(agent)s, settled_fence = t.fence, settled_as = 'released'
  FROM i WHERE {HELD} RETURNING t.id, t.ticket_key, t.project_id, t.lane_id, t.rank, t.fence, t.events, t.profile),
low AS ({lower_floors_of("gone")}),
log AS (
{task_events("gone", "'task.released'", data="jsonb_build_object('fence', fence)", reason="%(reason)s")})
SELECT id, profile FROM gone
"""
PROGRESS = f"""
WITH i AS (SELECT %(task)s::bigint AS id, %(fence)s::bigint AS fence),
told AS (
  UPDATE tickets_task t SET progress = t.progress || %(progress)s, events = t.events + 1 FROM i WHERE {HELD} RETURNING t.id, t.ticket_key, t.project_id, t.events),
log AS (
{task_events("told", "'task.progressed'", data="%(progress)s")})
SELECT id FROM told
"""
# Ends claims without a word of their holders: those past their time in batches, any number at once; those of
# one holder. What had not started costs no attempt. `died`: a worker, which has not been heard, is taken for
# dead; one that had started this task has died of it, or beside it. Attempts used up, or alone when its
# worker died: failed, and its children are told. The time is a subselect, read once: compared with a bare
# clock_timestamp() every row of the index would be looked at.
ENDED = f"""
WITH old AS MATERIALIZED (
  SELECT t.id, a.name AS holder, t.started_at IS NOT NULL AS started, {{died}} AND a.runs_profiles AND t.started_at IS NOT NULL AS died,
         t.started_at IS NULL OR t.attempts < t.max_attempts AND NOT ({{died}} AND a.runs_profiles AND {RUNS_ALONE.format(task="t")}) AS again
  FROM tickets_task t LEFT JOIN agents_agent a ON a.id = t.holder_id WHERE {{which}}),
gone AS (
  UPDATE tickets_task t SET state = CASE WHEN old.again THEN 'pending' ELSE 'failed' END, holder_id = NULL, lease_expires_at = NULL, timeout_at = NULL,
         attempts = t.attempts - (NOT old.started)::int, retries = t.retries + (old.started AND old.again)::int, worker_deaths = t.worker_deaths + old.died::int,
         promote_at = CASE WHEN old.again THEN t.promote_at END, ended_at = CASE WHEN NOT old.again THEN clock_timestamp() END, events = t.events + 1,
         failure = CASE WHEN old.died AND NOT old.again THEN 'worker_lost' ELSE '' END,
         error = CASE WHEN NOT old.started THEN t.error WHEN old.died THEN
                   'the worker ' || old.holder || ' was lost while it ran this' || CASE WHEN {RUNS_ALONE.format(task="t")} THEN ' and nothing else' ELSE '' END || %(fate)s ELSE {{error}} END
  FROM old WHERE t.id = old.id
  RETURNING t.id, t.ticket_id, t.ticket_key, t.project_id, t.lane_id, t.rank, t.fence, t.state, t.events, t.profile, old.holder, old.started, old.died),
"""
PAST = (
    "t.{moment} < (SELECT clock_timestamp()) ORDER BY t.{moment} LIMIT %(limit)s FOR UPDATE OF t SKIP LOCKED"
)
LAPSED = {"died": "true", "error": "'the lease of ' || old.holder || ' ended without a word'"}
LAPSE = ENDED.format(which=PAST.format(moment="lease_expires_at"), **LAPSED)
ABANDON = ENDED.format(which="t.holder_id = %(holder)s ORDER BY t.id FOR UPDATE OF t", **LAPSED)
TIME_OUT = ENDED.format(
    which=PAST.format(moment="timeout_at"), died="false", error="'timed out after ' || t.timeout_s || ' s'"
)
HOW_IT_ENDED = """
jsonb_build_object('fence', fence, 'holder', holder, 'state', state)
|| CASE WHEN started IS NULL THEN '{}' ELSE jsonb_build_object('started', started) END"""
ENDED_BY_TIME = f"""
low AS ({lower_floors_of("gone WHERE state = 'pending'")}),
log AS ({task_events("gone", "%(kind)s", data=HOW_IT_ENDED, actor="'system:clock'", key="''")})
SELECT id, ticket_id, state, profile, died FROM gone
"""
# After an absence of sweeps: 30 s from now for what was held at their last run. A lease is extended once, and
# again only after its holder renewed it.
EXTEND_LEASES = """
WITH grace AS MATERIALIZED (SELECT clock_timestamp() + interval '30 s' AS upto)
UPDATE tickets_task t SET lease_expires_at = grace.upto, extended_to = grace.upto FROM grace
WHERE t.id = ANY (ARRAY(SELECT id FROM tickets_task WHERE lease_expires_at > %(since)s AND lease_expires_at < (SELECT upto FROM grace)
                        AND lease_expires_at IS DISTINCT FROM extended_to ORDER BY id FOR NO KEY UPDATE))
"""
EXTEND_TIMEOUTS = """
WITH grace AS MATERIALIZED (SELECT clock_timestamp() + interval '30 s' AS upto)
UPDATE tickets_task t SET timeout_at = grace.upto FROM grace
WHERE t.id = ANY (ARRAY(SELECT id FROM tickets_task WHERE timeout_at > %(since)s AND timeout_at < (SELECT upto FROM grace) ORDER BY id FOR NO KEY UPDATE))
"""
WAKE = """
WITH due AS MATERIALIZED (
  SELECT t.id FROM tickets_task t WHERE t.state = 'pending' AND t.not_due AND t.not_before <= (SELECT clock_timestamp()) ORDER BY t.not_before LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
now AS MATERIALIZED (SELECT clock_timestamp() AS at),
up AS (
  UPDATE tickets_task t SET not_due = false, events = t.events + 1, ready_at = CASE WHEN t.open_needs = 0 THEN now.at END,
         rank = CASE WHEN t.open_needs = 0 THEN omoi_rank(t.priority, now.at, t.deadline, (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id), t.retries) ELSE t.rank END,
         promote_at = CASE WHEN t.open_needs = 0 THEN omoi_promote_at(t.priority, now.at, t.deadline) END
  FROM due, now WHERE t.id = due.id RETURNING t.id, t.ticket_id, t.ticket_key, t.project_id, t.lane_id, t.rank, t.fence, t.state, t.events, t.profile, NULL::text AS holder, NULL::bool AS started, false AS died),
gone AS (SELECT * FROM up),
"""
PROMOTE = """
WITH due AS MATERIALIZED (
  SELECT t.id FROM tickets_task t WHERE t.promote_at <= (SELECT clock_timestamp()) ORDER BY t.promote_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
gone AS (
  UPDATE tickets_task t SET rank = omoi_rank(t.priority, t.ready_at, t.deadline, 0, t.retries), promote_at = NULL, events = t.events + 1
  FROM due WHERE t.id = due.id RETURNING t.id, t.ticket_id, t.ticket_key, t.project_id, t.lane_id, t.rank, t.fence, t.state, t.events, t.profile, NULL::text AS holder, NULL::bool AS started, false AS died),
"""
FLOOR = f"""
UPDATE tickets_lane l SET floor = f.rank FROM (
  SELECT k.id, h.rank FROM tickets_lane k CROSS JOIN LATERAL (
    SELECT t.rank FROM tickets_task t
    WHERE t.lane_id = k.id AND {READY} ORDER BY t.rank, t.id LIMIT 1) h
  WHERE k.floor <> h.rank ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED) f WHERE l.id = f.id
"""


class Leasing(models.Manager[Row]):
    @sql.atomic
    def renew(
        self, claims: Sequence[tuple[int, int]], *, by: Agent, lease_s: int | None = None
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Renew the named claims (task, fence) of `by`, each by its own lease unless `lease_s` is given.

        Returns (kept, lost): kept as {task, fence, lease_expires_at}, lost as {task, code, state, holder}.
        """
        rights.require(by, "work")
        if not claims:
            return [], []
        answers = sql.rows(
            RENEW,
            {
                "ids": [task for task, _ in claims],
                "fences": [fence for _, fence in claims],
                "agent": by.pk,
                "lease_s": lease_s,
            },
        )
        kept = [
            {"task": row["id"], "fence": row["fence"], "lease_expires_at": row["lease_expires_at"]}
            for row in answers
            if row["lease_expires_at"]
        ]
        gone = [row["id"] for row in answers if not row["lease_expires_at"]]
        now = claims_now(gone, by.pk)
        return kept, [{"task": task, "code": "claim_lost", **lost(now.get(task)).more} for task in gone]

    @sql.atomic
    def release(self, task: int, fence: int, *, by: Agent, reason: str = "") -> None:
        """Give a claim back; it costs no attempt.

        The same release again is no error; otherwise raises ClaimLost.
        """
        rights.require(by, "work")
        asked = {
            "task": task,
            "fence": fence,
            "agent": by.pk,
            "actor": by.label,
            "key": via(by),
            "reason": limits.reason(reason),
        }
        given_back = sql.one(RELEASE, asked)
        if given_back and given_back["profile"]:
            hints.send("work")
        if not given_back:
            now = claims_now([task], by.pk).get(task)
            if not (
                now
                and now["fence"] == fence
                and (now["settled_by"], now["settled_fence"], now["settled_as"]) == (by.pk, fence, "released")
            ):
                raise lost(now)

    @sql.atomic
    def tell(self, task: int, fence: int, progress: dict[str, Any], *, by: Agent) -> None:
        """Note how far the holder is (message, percent, checkpoint); raises ClaimLost."""
        rights.require(by, "work")
        if not sql.rows(
            PROGRESS,
            {
                "task": task,
                "fence": fence,
                "agent": by.pk,
                "actor": by.label,
                "key": via(by),
                "progress": Jsonb(progress),
            },
        ):
            raise lost(claims_now([task], by.pk).get(task))

    # -- what time does; the clock runs these, and a claim that finds nothing

    @sql.atomic
    def lapse(self, limit: int = BATCH) -> int:
        """End claims whose lease is over; returns how many. Their tasks are ready again at once while
        attempts are left.

        The first call after an absence of sweeps gives what was held at their last run 30 s more.
        """
        SweepRun.forgive_absence("lapse", EXTEND_LEASES)
        gone = after_end(
            sql.rows(
                LAPSE + ENDED_BY_TIME,
                {"limit": limit, "kind": "task.lapsed", "fate": ": its lease ended without a word"},
            )
        )
        SweepRun.ran("lapse")
        return gone

    @sql.atomic
    def time_out(self, limit: int = BATCH) -> int:
        """End claims that ran longer than their task allows; returns how many."""
        SweepRun.forgive_absence("time_out", EXTEND_TIMEOUTS)
        return after_end(
            sql.rows(TIME_OUT + ENDED_BY_TIME, {"limit": limit, "kind": "task.timed_out", "fate": ""})
        )

    @sql.atomic
    def wake(self, limit: int = BATCH) -> int:
        """Tasks whose time has come are due; returns how many."""
        return after_end(sql.rows(WAKE + ENDED_BY_TIME, {"limit": limit, "kind": "task.woken"}))

    @sql.atomic
    def promote(self, limit: int = BATCH) -> int:
        """Tasks near their deadline, or ready for too long, go before all ordinary work; returns how many."""
        return after_end(sql.rows(PROMOTE + ENDED_BY_TIME, {"limit": limit, "kind": "task.promoted"}))

    @sql.atomic
    def raise_floors(self) -> None:
        """Set each lane's floor to its first ready task: spares claims the walk over dead index entries."""
        sql.rows(FLOOR)


def after_end(gone: list[dict[str, Any]]) -> int:
    """What follows from claims that ended without their holders; how many there are."""
    if again := [row["id"] for row in gone if row["died"] and row["state"] == "pending"]:
        relane(again)
    failed = [row for row in gone if row["state"] == "failed"]
    if failed:
        decide([row["id"] for row in failed])
        hints.send("advance_tickets", sorted({row["ticket_id"] for row in failed}))
    if any(row["profile"] and row["state"] == "pending" for row in gone):
        hints.send("work")
    return len(gone)
