"""Progress: what the holder of a claim reports, and what becomes of a claim that shows none.

A heartbeat says that an agent lives, not that it gets anywhere. Each claim has `active_at`, set by the claim
itself, by progress, by an artifact, and by a heartbeat with a new mark of activity. After `stall_s` without
any of them it is stalled, and after the grace of its project it may be taken back.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Agent, Key, rights, via
from omoi_site.database import prepared, sql
from omoi_site.redaction import redact
from tickets.models.claim.fence import KEY_OF_HOLDER, ONE_HELD_WITH_KEY, claims_now, lost
from tickets.models.claim.lease import BATCH, NOW, end_claims, first, follow_up
from tickets.models.explain.sql_fragments import NO_PROGRESS, STALLS_AT, TAKE_BACK_DUE, TAKEN_AT
from tickets.models.journal_sql import task_events
from tickets.models.sweep_run import SweepRun
from tickets.models.task.fields import TaskFields
from tickets.workflows.document import Plan

Row = TypeVar("Row", bound=TaskFields)

# Of task `t`: its holder has shown progress. A claim that was stalled is looked at again when it may be next.
SHOWS_PROGRESS = """
    active_at = clock_timestamp(),
    stalled_at = NULL,
    lease_look_at = CASE WHEN t.stalled_at IS NULL THEN t.lease_look_at ELSE clock_timestamp() END
""".strip()
REPORT_PROGRESS = sql.statement(
    __file__,
    "report_progress",
    held=ONE_HELD_WITH_KEY,
    held_key=KEY_OF_HOLDER,
    active=SHOWS_PROGRESS,
    events=task_events("updated", "'task.progressed'", data="%(progress)s"),
)
# Sweeps look at the claim now, and its lease holds: if it has ended, the claim lapses.
LOOKED_AT = f"t.lease_look_at < {NOW} AND t.lease_expires_at >= {NOW}"
STALL = sql.statement(
    __file__,
    "stall",
    looked_at=LOOKED_AT,
    no_progress=NO_PROGRESS,
    stalls_at=STALLS_AT,
    events=task_events(
        "stalled",
        "'task.stalled'",
        data="jsonb_build_object('fence', fence, 'holder', holder)",
        actor="'system:clock'",
        key="''",
    ),
)
TAKE_BACK = end_claims(
    first(f"{LOOKED_AT} AND {TAKE_BACK_DUE}", "lease_look_at"),
    how="no_progress",
    died="false",
    error="a.name || ' showed no progress for '"
    " || extract(epoch FROM clock_timestamp() - t.active_at)::bigint || ' s'",
    failure="no_progress",
)
PHASE_STALLS = sql.statement(__file__, "phase_stalls")
EXTEND_STALLS = sql.statement(__file__, "extend_stalls", taken_at=TAKEN_AT)


class Progressing(models.Manager[Row]):
    @sql.patiently
    def report_progress(self, task: int, fence: int, progress: dict[str, Any], *, by: Agent) -> None:
        """Store the holder's progress (message, percent, checkpoint), without secrets. A checkpoint is kept
        for the next holder. Raises ClaimLost.
        """
        rights.require_scope(by, "work")
        progress = redact(progress)
        checkpoint = progress.get("checkpoint")
        params = {
            "task": task,
            "fence": fence,
            "agent": by.pk,
            "actor": by.label,
            "key": via(by),
            "progress": Jsonb(progress),
            "checkpoint": None if checkpoint is None else Jsonb(checkpoint),
        }
        if not prepared.rows(REPORT_PROGRESS, params):
            Key.objects.expect_live(by)
            raise lost(claims_now([task], by.pk).get(task), fence)

    @sql.atomic
    def stall(self, limit: int = BATCH) -> int:
        """Find claims without progress: those that have been so for their limit are stalled, and some of
        those are taken back after the grace. Returns how many.

        The first call after a time without sweeps leaves 30 s to what is to be taken back.
        """
        SweepRun.forgive_absence("stall", EXTEND_STALLS)
        stalled = len(sql.rows(STALL, {"limit": limit}))
        taken = sql.rows(TAKE_BACK, {"limit": limit, "kind": "task.taken_back", "fate": ""})
        return max(stalled, follow_up(taken))

    @sql.atomic
    def follow_stalls(self, ticket: int, plan: Plan) -> None:
        """Let the next claims of this ticket's tasks stall as their phases say in `plan`."""
        phases = [phase.name for phase in plan.phases]
        seconds = [phase.stall_after_s for phase in plan.phases]
        sql.rows(PHASE_STALLS, {"ticket": ticket, "phases": phases, "seconds": seconds})
