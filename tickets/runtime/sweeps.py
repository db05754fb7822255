"""Sweeps: periodic work, and repairs after lost hints. `SWEEPS` lists all of them with their intervals.

A sweep works in batches. If it did a whole batch, its next turn comes at once, after those of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents.models import Reply
from agents.models.account import forget_sessions
from omoi_site import humanize
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models import (
    Blob,
    BulkAct,
    HourlyFigures,
    LatestGrant,
    PhaseHold,
    Repository,
    Schedule,
    ScheduleRun,
    Task,
    TaskOutput,
)
from tickets.models.attention import attention_count, attention_list
from tickets.models.claim.lease import BATCH, LOOKS
from tickets.models.claim.phase_hold import WATCHED
from tickets.models.claim.profile_pools import follow_profiles
from tickets.models.claim.quota import follow_pools
from tickets.models.coordination.others import BATCH as OTHERS
from tickets.models.coordination.timeouts import BATCH as SYNCS
from tickets.models.explain.sql_fragments import CLOCK_RUNS
from tickets.models.explain.stored_waits import EVERY_S
from tickets.models.figures.hourly import BATCH as EVENTS
from tickets.models.freeze.frozen import frozen
from tickets.models.schedule.schedule import BATCH as SCHEDULES
from tickets.models.sweep_run import CLOCK
from tickets.models.task.readiness import READY
from tickets.models.ticket.automation import MOST
from tickets.runtime.advance_sweep import AdvanceSweep
from tickets.runtime.estimate_sweep import DeadlineSweep, EstimateSweep
from tickets.runtime.wait_sweep import Follow, Recheck
from tickets.runtime.walk import Walk

SILENT_S = 15.0


@dataclass(frozen=True)
class Sweep:
    """One sweep. `run` returns how much it did; a result of `batch` or more means that more is left. Without
    `batch` nothing is ever left. busy_s: the interval after a run that did something.
    """

    name: str
    every_s: float
    run: Callable[[], int | None]
    batch: int | None = BATCH
    busy_s: float | None = None


FIRST_READY_LANE = sql.statement(__file__, "first_ready_lane", ready=READY, frozen=frozen("l.project_id"))


CLOCK_AGE = f"""
SELECT
  extract(epoch FROM clock_timestamp() - s.at)::float8 AS age,
  {CLOCK_RUNS} AS runs
FROM tickets_sweeprun s
WHERE s.name = '{CLOCK}'
"""


def over(model: Any, size: int, verb: Callable[[int, int], int]) -> Callable[[], int]:
    """A sweep over all rows of `model`: each run calls `verb(after, upto)` for the next `size` ids."""
    walk = Walk(model, size)
    return lambda: verb(*walk())


def ring_for_work() -> None:
    """Send hints for ready tasks with a profile again: the broker may have lost the first ones."""
    if sql.rows(FIRST_READY_LANE):
        hints.send("work")


SWEEPS = [
    Sweep("lapse", 5, lambda: Task.objects.lapse()),
    Sweep("stall", 5, lambda: Task.objects.stall()),
    Sweep("look_later", 5, lambda: Task.objects.look_later(), batch=LOOKS),
    Sweep("time_out", 5, lambda: Task.objects.time_out()),
    Sweep("time_out_syncs", 5, lambda: Task.objects.time_out_syncs(), batch=SYNCS),
    Sweep("cancel_others", 5, lambda: Task.objects.cancel_others(), batch=OTHERS),
    Sweep("wake", 1, lambda: Task.objects.wake()),
    Sweep("follow_pools", 1, follow_pools, batch=None),
    Sweep("follow_profiles", 5, follow_profiles),
    Sweep("promote", 1, lambda: Task.objects.promote()),
    Sweep("bulk_acts", 1, lambda: BulkAct.objects.carry_on(), batch=1),
    Sweep("forget_bulk_acts", 600, lambda: BulkAct.objects.forget(1_000), batch=1_000),
    Sweep("raise_floors", 1, lambda: Task.objects.raise_floors(), batch=None),
    Sweep("follow_claims", 1, lambda: Task.objects.follow_claims(), batch=None, busy_s=0.1),
    Sweep(
        "watch_phases",
        5,
        over(PhaseHold, WATCHED, lambda after, upto: PhaseHold.objects.watch(after, upto)),
        batch=None,
    ),
    Sweep("reset_floors", 60, lambda: Task.objects.reset_floors(), batch=None),
    Sweep("recheck_grants", 60, lambda: LatestGrant.objects.recheck(), batch=None),
    Sweep("advance_tickets", 5, AdvanceSweep(5_000), batch=MOST),
    Sweep("store_estimates", 5, EstimateSweep(), batch=1),  # a turn may end before its batch
    Sweep("expect_late", 10, DeadlineSweep(), batch=None),
    Sweep("open_due", 5, lambda: Schedule.objects.open_due(SCHEDULES), batch=SCHEDULES),
    Sweep("ring_for_work", 10, ring_for_work, batch=None),
    Sweep(
        "recheck_needs",
        15,
        over(Task, 5_000, lambda after, upto: Task.objects.recheck_needs(after, upto)),
        batch=None,
    ),
    Sweep(
        "recheck_held",
        15,
        over(Task, 20_000, lambda after, upto: Task.objects.recheck_held(after, upto)),
        batch=None,
    ),
    Sweep("store_waits", EVERY_S, Follow(), batch=1),
    Sweep("recheck_waits", EVERY_S, Recheck(), batch=1),
    Sweep(attention_count.SWEEP, attention_count.EVERY_S, attention_list.store_counts, batch=None),
    Sweep("count_events", 5, lambda: HourlyFigures.objects.count_events(), batch=EVENTS),
    Sweep("sample_queue", 60, lambda: HourlyFigures.objects.sample_queue(), batch=None),
    Sweep("sample_stuck", 60, lambda: HourlyFigures.objects.sample_stuck(), batch=None),
    Sweep("forget_figures", 3_600, lambda: HourlyFigures.objects.forget(1_000), batch=1_000),
    Sweep("forget_runs", 600, lambda: ScheduleRun.objects.forget(1_000), batch=1_000),
    Sweep("forget_hints", 60, hints.forget_old, batch=1_000),
    Sweep("forget_replies", 600, lambda: Reply.objects.forget(1_000), batch=1_000),
    Sweep("forget_outputs", 600, lambda: TaskOutput.objects.forget(1_000), batch=1_000),
    Sweep("remove_files", 600, lambda: Blob.objects.remove_unnamed(1_000), batch=1_000),
    Sweep("forget_mirrors", 3_600, lambda: Repository.objects.forget_mirrors(), batch=None),
    Sweep("forget_sessions", 600, lambda: forget_sessions(1_000), batch=1_000),
]


# The sweeps that keep failing: once is no news.
FAILING = sql.statement(
    __file__,
    "failing_sweeps",
    names=", ".join(f"'{sweep.name}'" for sweep in SWEEPS),
    late_s=", ".join(str(3 * sweep.every_s + SILENT_S) for sweep in SWEEPS),
).rstrip()


def health() -> str:
    """Empty if a clock runs and its sweeps succeed, else a sentence that says what is wrong."""
    clock = sql.one(CLOCK_AGE)
    if clock is None:
        return "No clock has ever run, so lapsed claims are not ended. Start `python3 manage.py clock`."
    if not clock["runs"]:
        return (
            f"The clock has not run for {humanize.length(clock['age'])},"
            " so lapsed claims are not ended. Start `python3 manage.py clock`."
        )
    if failing := sql.one(f"{FAILING}\nORDER BY r.at\nLIMIT 1"):
        return (
            f"The sweep {failing['name']} has been failing for {humanize.length(failing['late_s'])}:"
            f" {failing['error']}"
        )
    return ""
