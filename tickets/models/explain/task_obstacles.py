"""Obstacles: every condition under which a task is not granted, each with its code, SQL, who must act, a
description and a remedy.

A claim reads only stored columns (`READY`, `FITS`). Each obstacle that prevents a claim is the negation of
one of these conditions, split by cause. The first obstacle that holds says who the task waits on. Upper apps
add their own with `add`, in AppConfig.ready. The names in the SQL are those of `sql_fragments`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tickets.models.explain import sentences, task_sentences
from tickets.models.explain.obstacle_base import OPERATOR, Obstacle
from tickets.models.explain.sentences import by_clock
from tickets.models.explain.sql_fragments import (
    CLOCK,
    FAILED_OPEN,
    HELD,
    IN_OPEN_PHASE,
    IN_TIME,
    LAST_ATTEMPT,
    LEASE_OVER,
    LEASED,
    READY_NOW,
    SILENT,
)
from tickets.models.task.readiness import DUE, NEEDS_MET, PENDING

AGENTS, HOLDER = "'agents'", "'agent:' || h.name"
NEEDS_OPEN = f"{PENDING} AND NOT {NEEDS_MET}"
OTHER_PHASE = f"{HELD} AND NOT {IN_OPEN_PHASE}"
ABLE, AWAKE = f"{READY_NOW} AND f.able > 0", f"{READY_NOW} AND f.roomy > 0 AND f.awake > 0"

CLAIMED = [
    Obstacle(
        "clock",
        f"{LEASE_OVER} AND NOT ({LAST_ATTEMPT})",
        CLOCK,
        "the lease of {holder} ended {lease_end}; the clock or the next claim gives the task back",
        by_clock("gives the task back"),
        since="t.lease_expires_at",
        bars=False,
    ),
    Obstacle(
        "clock",
        f"{LEASE_OVER} AND ({LAST_ATTEMPT})",
        CLOCK,
        "the lease of {holder} ended {lease_end}, in the last attempt; the clock marks the task as failed",
        by_clock("marks the task as failed"),
        since="t.lease_expires_at",
    ),
    Obstacle(
        "clock",
        f"{LEASED} AND t.timeout_at <= clock_timestamp()",
        CLOCK,
        "it has run longer than its limit of {timeout}; the clock takes it from {holder}",
        by_clock("takes the task back"),
        since="t.timeout_at",
    ),
    Obstacle(
        "agent_silent",
        f"{IN_TIME} AND {SILENT}",
        HOLDER,
        task_sentences.silent_holder,
        task_sentences.report,
        since="hp.last_seen_at",
        until="t.lease_expires_at",
    ),
    Obstacle(
        "capacity",
        f"{IN_TIME} AND NOT {SILENT}",
        HOLDER,
        task_sentences.claimed,
        task_sentences.settle,
        since="t.claimed_at",
        until="t.lease_expires_at",
    ),
]
# Pending: stored conditions.
STORED = [
    Obstacle(
        "need",
        f"{NEEDS_OPEN} AND t.unsatisfiable",
        OPERATOR,
        task_sentences.unsatisfiable,
        task_sentences.repair_need,
        since="n.unmet_at",
    ),
    Obstacle(
        "need",
        f"{NEEDS_OPEN} AND NOT t.unsatisfiable",
        f"coalesce('task:' || n.open_keys[1], {CLOCK})",
        task_sentences.open_needs,
        task_sentences.see_need,
        since="t.created_at",
    ),
    Obstacle(
        "not_due",
        f"{PENDING} AND NOT ({DUE}) AND t.not_before > clock_timestamp()",
        "'clock'",
        task_sentences.not_due,
        task_sentences.wake,
        since="CASE WHEN t.attempts = 0 THEN t.created_at END",
        until="t.not_before",
    ),
    Obstacle(
        "clock",
        f"{PENDING} AND NOT ({DUE}) AND t.not_before <= clock_timestamp()",
        CLOCK,
        "it was due {due_at} but is not ready yet; the clock or the next claim makes it ready",
        by_clock("makes it ready"),
        since="t.not_before",
        bars=False,
    ),
    Obstacle(
        "pause",
        f"{HELD} AND k.paused",
        OPERATOR,
        sentences.ticket_paused,
        sentences.RESUME_TICKET,
        since="k.paused_at",
    ),
    Obstacle(
        "pause",
        f"{HELD} AND k.archived_at IS NOT NULL",
        OPERATOR,
        sentences.ARCHIVED,
        sentences.RESTORE,
        since="k.archived_at",
    ),
    Obstacle(
        "phase",
        f"{HELD} AND k.phase = 'BLOCKED'",
        OPERATOR,
        sentences.BLOCKED,
        sentences.UNBLOCK,
        since="k.phase_since",
    ),
    Obstacle(
        "phase",
        f"{HELD} AND k.phase = 'CANCELLED'",
        OPERATOR,
        "ticket {ticket} is cancelled",
        "Press Reopen{on_page}, or Cancel beside the task there.",
        since="k.phase_since",
    ),
    Obstacle(
        "phase",
        f"{OTHER_PHASE} AND tp.position > kp.position AND tp.moves_to <> '{{}}'",
        "'ticket:' || k.key",
        "it belongs to {phase}, but ticket {ticket} is still in {ticket_phase}",
        task_sentences.see_ticket,
        since="k.phase_since",
    ),
    Obstacle(
        "phase",
        f"{OTHER_PHASE} AND tp.position > kp.position AND tp.moves_to = '{{}}'",
        OPERATOR,
        "ticket {ticket} is done when it reaches {phase}, but cannot get there while this task is open",
        "Press Cancel beside the task{on_page};"
        " if it is still needed, add it to an earlier phase (POST /tickets/{ticket}/tasks).",
        since="t.created_at",
    ),
    Obstacle(
        "phase",
        f"{OTHER_PHASE} AND tp.position < kp.position",
        OPERATOR,
        "it belongs to {phase}, which ticket {ticket} has left: the ticket is in {ticket_phase}",
        "Press Send back{on_page}, or Cancel beside the task there.",
        since="k.phase_since",
    ),
    Obstacle(
        "clock",
        f"{HELD} AND NOT k.paused AND k.archived_at IS NULL AND {IN_OPEN_PHASE}",
        CLOCK,
        "it is held although nothing holds its ticket; the clock repairs this and raises an alarm",
        by_clock("repairs this"),
    ),
    Obstacle(
        "pause",
        f"{PENDING} AND l.paused",
        OPERATOR,
        sentences.project_paused,
        sentences.RESUME_PROJECT,
        since="j.paused_at",
    ),
]
# Pending: agents that could do it.
AGENTS_OF_LANE = [
    Obstacle(
        "capability",
        f"{PENDING} AND f.able = 0",
        OPERATOR,
        task_sentences.unable,
        task_sentences.enable,
        since="coalesce(t.ready_at, t.created_at)",
    ),
    Obstacle(
        "capacity",
        f"{ABLE} AND f.roomy = 0",
        AGENTS,
        task_sentences.full,
        task_sentences.make_room,
        since="t.ready_at",
    ),
    Obstacle(
        "agent_silent",
        f"{READY_NOW} AND f.roomy > 0 AND f.awake = 0",
        OPERATOR,
        task_sentences.all_silent,
        task_sentences.start_one,
        since="coalesce(f.last_heard, t.ready_at)",
        bars=False,
    ),
    Obstacle(
        "capacity",
        f"{AWAKE} AND f.free = 0",
        AGENTS,
        task_sentences.full_or_silent,
        task_sentences.make_room,
        since="t.ready_at",
        bars=False,
    ),
    Obstacle(
        "capacity",
        f"{READY_NOW} AND f.free > 0",
        AGENTS,
        task_sentences.ready,
        task_sentences.ask,
        since="t.ready_at",
        bars=False,
    ),
]
# Failed: it has ended, but while its ticket is open somebody must decide.
FAILED = [
    Obstacle(
        "worker_lost",
        f"{FAILED_OPEN} AND t.failure = 'worker_lost'",
        OPERATOR,
        task_sentences.worker_lost,
        "Find the cause in that worker's log, repair the task,"
        " and press Retry beside it{on_page}. To go on without it, press Force a transition.",
        since="t.ended_at",
    ),
    Obstacle(
        "limit",
        f"{FAILED_OPEN} AND t.failure <> 'worker_lost'",
        OPERATOR,
        task_sentences.failed,
        "Press Retry beside it{on_page}. To go on without it, press Force a transition.",
        since="t.ended_at",
    ),
]
OBSTACLES = [*CLAIMED, *STORED, *AGENTS_OF_LANE, *FAILED]


def add(obstacle: Obstacle, *, before: str = "") -> None:
    """Register an obstacle of an upper app, before the first one with the code `before`, or at the end."""
    place = next((place for place, other in enumerate(OBSTACLES) if other.code == before), len(OBSTACLES))
    if obstacle not in OBSTACLES:
        OBSTACLES.insert(place, obstacle)


def waiting_on(obstacles: Sequence[Obstacle] = OBSTACLES) -> str:
    """SQL of who is waited for: that of the first obstacle; null if the task has ended and nobody must
    decide.
    """
    cases = "\n".join(f"WHEN {obstacle.when}\nTHEN {obstacle.who}" for obstacle in obstacles)
    return f"CASE\n{cases}\nEND"
