"""Obstacles: every condition under which a task is not granted, each with its code, SQL, who must act, a
description and a remedy.

A claim reads only stored columns (`READY`, `FITS`). Each obstacle that prevents a claim is the negation of
one of these conditions, split by cause. The first obstacle that holds says who the task waits on. Upper apps
add their own with `add`, in AppConfig.ready. The names in the SQL are those of `sql_fragments`.

What is a task's own comes first, then what all ready tasks of its lane share: so who a task waits on can be
stored, and 100,000 tasks change in one row when the last agent that could do them goes away.
"""

from __future__ import annotations

from collections.abc import Sequence

from tickets.models.explain import sentences, task_sentences
from tickets.models.explain.obstacle_base import FULL_WAITS, OPERATOR, Obstacle
from tickets.models.explain.sentences import by_clock
from tickets.models.explain.sql_fragments import (
    AGENTS_FULL,
    BY_HAND,
    CLOCK,
    CRITICAL_LONG,
    FAILED_OPEN,
    FROZEN,
    HELD,
    HELD_BACK,
    HELD_LONG,
    IN_OPEN_PHASE,
    IN_TIME,
    LAST_ATTEMPT,
    LEASE_OVER,
    LEASED,
    LIMITED,
    MAY_STILL_WORK,
    NO_PROGRESS,
    READY_NOW,
    READY_SINCE,
    SILENT,
    STALLS_AT,
    TAKEABLE,
    TAKEN_AT,
    TICKETS_FULL,
)
from tickets.models.task.readiness import DUE, NEEDS_MET, NOT_LIMITED, PENDING, WORK

AGENTS, HOLDER = "'agents'", "'agent:' || h.name"
PERSON = "'user:' || substr(h.name, 6)"
NEEDS_OPEN = f"{PENDING} AND NOT {NEEDS_MET}"
OPERATION = f"NOT {WORK}"
OTHER_PHASE = f"{HELD} AND NOT {IN_OPEN_PHASE}"
# What is closed, full or being tried out: a pool of its profile, or one of each agent that has room.
BARRED = "coalesce(q.barred, f.pools_shut)"
QUOTA = f"({BARRED} IS NOT NULL)"


def barring_waits(pool: str) -> str:
    """SQL of who this pool that allows nothing waits for."""
    return (
        f"CASE WHEN {pool}->>'why' <> 'closed' THEN {AGENTS}"
        f" WHEN {pool}->>'until' IS NULL THEN {OPERATOR} ELSE 'clock' END"
    )


MET_LIMITS = f"{PENDING} AND {WORK} AND NOT {NOT_LIMITED.format(task='t')} AND {IN_OPEN_PHASE}"
ABLE, AWAKE = f"{READY_NOW} AND f.able > 0", f"{READY_NOW} AND f.roomy > 0 AND f.awake > 0"

CLAIMED = [
    Obstacle(
        "capacity",
        f"{BY_HAND} AND {MAY_STILL_WORK}",
        PERSON,
        task_sentences.held_by_hand,
        task_sentences.end_by_hand,
        since="t.claimed_at",
    ),
    Obstacle(
        "capacity",
        f"{BY_HAND} AND {MAY_STILL_WORK} AND {HELD_LONG}",
        OPERATOR,
        task_sentences.held_by_hand,
        task_sentences.reassign,
        since="t.claimed_at",
    ),
    Obstacle(
        "capacity",
        f"{BY_HAND} AND NOT {MAY_STILL_WORK}",
        OPERATOR,
        task_sentences.left_behind,
        task_sentences.reassign,
        since="t.claimed_at",
    ),
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
        "no_progress",
        f"{IN_TIME} AND {NO_PROGRESS}",
        OPERATOR,
        task_sentences.no_progress,
        task_sentences.look_after,
        since=STALLS_AT,
        until=f"CASE WHEN {TAKEABLE} THEN {TAKEN_AT} END",
    ),
    Obstacle(
        "capacity",
        f"{IN_TIME} AND NOT {SILENT} AND ({NO_PROGRESS}) IS NOT TRUE",
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
        since="greatest(t.created_at, t.claimed_at, n.open_since)",  # it may have been needed only later
    ),
    Obstacle(
        "clock",
        f"{PENDING} AND {NEEDS_MET} AND {OPERATION}",
        CLOCK,
        "it waits for nothing but is not completed yet; the clock repairs this and raises an alarm",
        by_clock("completes it"),
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
        "quota",
        MET_LIMITS,
        OPERATOR,
        task_sentences.limited_often,
        "See to it that the account can be used, then press Retry beside it{on_page}"
        " (POST /tasks/{id}/retry).",
        since="t.claimed_at",
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
        f"{HELD} AND NOT k.paused AND k.archived_at IS NULL AND {IN_OPEN_PHASE} AND NOT ({MET_LIMITS})",
        CLOCK,
        "it is held although nothing holds its ticket; the clock repairs this and raises an alarm",
        by_clock("repairs this"),
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
        "validation",
        f"{FAILED_OPEN} AND t.failure IN ('validation_repeated', 'validation_rounds')",
        OPERATOR,
        task_sentences.ended_badly,
        "Look at what the fixes changed, put the cause right, and press Retry beside it{on_page}: it is then"
        " counted from the beginning. To go on without it, press Force a transition.",
        since="t.ended_at",
    ),
    Obstacle(
        "limit",
        f"{FAILED_OPEN} AND t.failure NOT IN ('worker_lost', 'validation_repeated', 'validation_rounds')",
        OPERATOR,
        task_sentences.failed,
        "Press Retry beside it{on_page}. To go on without it, press Force a transition.",
        since="t.ended_at",
    ),
]
# Ready: what all ready tasks of a lane have in common, so that who they wait on is stored once for the lane:
# what stops it, and the agents that could do its work. Of a task itself these may ask only whether its ticket
# is in work, where tickets are limited, and whether it is critical for long (see lane_waits.sql). They come
# after everything that is its own.
OF_LANE = [
    Obstacle(
        "freeze",
        f"{PENDING} AND {WORK} AND {FROZEN}",
        OPERATOR,
        sentences.frozen,
        sentences.thaw,
        since="z.since",
    ),
    Obstacle(
        "pause",
        f"{PENDING} AND {WORK} AND l.paused AND j.paused",
        OPERATOR,
        sentences.project_paused,
        sentences.RESUME_PROJECT,
        since="j.paused_at",
    ),
    Obstacle(
        "pause",
        f"{PENDING} AND {WORK} AND l.paused AND (NOT j.paused OR jsonb_exists(j.paused_phases, t.phase))",
        OPERATOR,
        task_sentences.phase_paused,
        "Resume it: POST /projects/{project}/phases/{phase_name}/resume,"
        " or python3 manage.py projects resume {project} {phase_name}.",
        since="(j.paused_phases -> t.phase ->> 'at')::timestamptz",
    ),
    Obstacle(
        "capability",
        f"{PENDING} AND {WORK} AND f.able = 0",
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
        "limit",
        AGENTS_FULL,
        AGENTS,
        task_sentences.agents_full,
        task_sentences.raise_limit("max_agents"),
        since="t.ready_at",
    ),
    Obstacle(
        "limit",
        TICKETS_FULL,
        AGENTS,
        task_sentences.tickets_full,
        task_sentences.raise_limit("max_tickets"),
        since="t.ready_at",
    ),
    Obstacle(
        "quota",
        f"{READY_NOW} AND f.roomy > 0 AND {QUOTA}",
        barring_waits(BARRED),
        task_sentences.barred,
        task_sentences.open_pool,
        since=f"coalesce(({BARRED}->>'since')::timestamptz, t.ready_at)",
        until=f"({BARRED}->>'until')::timestamptz",
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
        "review_full",
        HELD_BACK,
        FULL_WAITS,
        sentences.held_back,
        sentences.make_room,
        since="coalesce(w.since, t.ready_at)",
    ),
    Obstacle(
        "capacity",
        f"{AWAKE} AND {CRITICAL_LONG} AND NOT {LIMITED} AND NOT {QUOTA}",
        OPERATOR,
        task_sentences.critical,
        task_sentences.ask,
        since=READY_SINCE,
        bars=False,
    ),
    Obstacle(
        "capacity",
        f"{AWAKE} AND f.free = 0 AND NOT {QUOTA}",
        AGENTS,
        task_sentences.full_or_silent,
        task_sentences.free_or_start,
        since="t.ready_at",
        bars=False,
    ),
    Obstacle(
        "quota",
        f"{READY_NOW} AND f.roomy > 0 AND f.free = 0 AND f.pools_keep IS NOT NULL AND NOT {QUOTA}",
        barring_waits("(f.pools_keep->0)"),
        task_sentences.kept,
        task_sentences.open_kept,
        since="coalesce((f.pools_keep->0->>'since')::timestamptz, t.ready_at)",
        until="(f.pools_keep->0->>'until')::timestamptz",
        bars=False,
    ),
    Obstacle(
        "capacity",
        f"{READY_NOW} AND f.free > 0 AND w.phase IS NULL AND t.avoid_until > clock_timestamp()",
        AGENTS,
        "{avoided} failed it; for another {avoid_for} it goes to {avoided} only if no other agent can take"
        " it",
        task_sentences.ask,
        since="t.ready_at",
        until="t.avoid_until",
        bars=False,
    ),
    Obstacle(
        "capacity",
        f"{READY_NOW} AND f.free > 0 AND w.phase IS NULL AND NOT {LIMITED} AND NOT {QUOTA}",
        AGENTS,
        task_sentences.ready,
        task_sentences.ask,
        since="t.ready_at",
        bars=False,
    ),
]
OBSTACLES = [*CLAIMED, *STORED, *FAILED, *OF_LANE]


def add(obstacle: Obstacle, *, before: str = "") -> None:
    """Register an obstacle of an upper app, before the first one with the code `before`, or after all others
    that are a task's own.
    """
    last = len(own())
    place = next((place for place, other in enumerate(OBSTACLES[:last]) if other.code == before), last)
    if obstacle not in OBSTACLES:
        OBSTACLES.insert(place, obstacle)


def own() -> list[Obstacle]:
    """The obstacles that a task does not share with its lane."""
    return [obstacle for obstacle in OBSTACLES if obstacle not in OF_LANE]


def first_cause(obstacles: Sequence[Obstacle]) -> str:
    """SQL of the first obstacle that holds: an array of its code and of who is waited for, null if none."""
    cases = "\n".join(
        f"WHEN {obstacle.when}\nTHEN ARRAY['{obstacle.code}', {obstacle.who}]" for obstacle in obstacles
    )
    return f"CASE\n{cases}\nEND"


def waiting_on(obstacles: Sequence[Obstacle] = OBSTACLES) -> str:
    """SQL of who is waited for: that of the first obstacle; null if the task has ended and nobody must
    decide.
    """
    cases = "\n".join(f"WHEN {obstacle.when}\nTHEN {obstacle.who}" for obstacle in obstacles)
    return f"CASE\n{cases}\nEND"
