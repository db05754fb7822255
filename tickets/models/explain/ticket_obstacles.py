"""Obstacles of a ticket: each condition under which it does not move. `task_obstacles` has a task's."""

from __future__ import annotations

from tickets.models.explain import sentences, ticket_sentences
from tickets.models.explain.obstacle_base import FULL_WAITS, OPERATOR, Obstacle
from tickets.models.explain.sentences import by_clock
from tickets.models.explain.sql_fragments import (
    ALL_SILENT,
    AWAITS_APPROVAL,
    CLOCK,
    DISAPPROVED,
    FROM_TASK,
    FROZEN,
    LEFT_OPEN,
    MOVE_DUE,
    MOVES_ON,
    REFUSED,
    STUCK,
    UNFINISHED,
    WAITS_FOR_ROOM,
    WAITS_TO_GO_BACK,
)
from tickets.models.explain.task_obstacles import waiting_on

# Who the first open task waits on; for statements with `fleets`.
FIRST_WAITS = f"(SELECT {waiting_on()} {FROM_TASK} WHERE t.id = c.first)"
# The causes of the tasks themselves explain it.
TASKS = Obstacle("tasks", f"{UNFINISHED} AND c.unfinished > 0", FIRST_WAITS, "", "")
SILENT_SINCE = f"(SELECT s.since FROM ({ALL_SILENT}) s)"
AWAITS = AWAITS_APPROVAL.replace("tickets_ticket.", "k.")
IDLE = f"""
{UNFINISHED}
AND k.phase <> 'BLOCKED'
AND c.unfinished = 0
AND c.failed = 0
AND c.unsatisfiable = 0
AND c.total > 0
AND NOT ({MOVE_DUE})
AND NOT ({REFUSED})
AND NOT ({AWAITS})
AND ({DISAPPROVED}) IS NOT TRUE
"""

# What stops all tickets of a project at once is asked of the project when it is read, never stored with each
# ticket. Whoever it is that a finished ticket with open tasks waits for, it is the same.
STOPS = [
    Obstacle(
        "freeze",
        f"{UNFINISHED} AND {FROZEN}",
        OPERATOR,
        sentences.frozen,
        sentences.thaw,
        since="z.since",
    ),
    Obstacle(
        "pause",
        f"{UNFINISHED} AND j.paused",
        OPERATOR,
        sentences.project_paused,
        sentences.RESUME_PROJECT,
        since="j.paused_at",
    ),
]
OBSTACLES = [
    *STOPS,
    Obstacle(
        "pause",
        f"{UNFINISHED} AND k.archived_at IS NOT NULL",
        OPERATOR,
        sentences.ARCHIVED,
        sentences.RESTORE,
        since="k.archived_at",
    ),
    Obstacle(
        "pause",
        f"{UNFINISHED} AND k.paused",
        OPERATOR,
        sentences.ticket_paused,
        sentences.RESUME_TICKET,
        since="k.paused_at",
    ),
    Obstacle(
        "phase",
        "k.phase = 'BLOCKED'",
        OPERATOR,
        sentences.BLOCKED,
        sentences.UNBLOCK,
        since="k.phase_since",
    ),
    Obstacle(
        "limit",
        f"{UNFINISHED} AND c.failed > 0",
        OPERATOR,
        ticket_sentences.failed_tasks,
        ticket_sentences.retry_failed,
        since="c.failed_at",
    ),
    Obstacle(
        "need",
        f"{UNFINISHED} AND c.unsatisfiable > 0",
        OPERATOR,
        ticket_sentences.unsatisfiable_tasks,
        ticket_sentences.repair_needs,
        since="c.failed_at",
    ),
    TASKS,
    Obstacle(
        "agent_silent",
        f"{UNFINISHED} AND {SILENT_SINCE} IS NOT NULL",
        OPERATOR,
        ticket_sentences.all_silent,
        ticket_sentences.retire_silent,
        since=SILENT_SINCE,
        until="(SELECT min(t.lease_expires_at) FROM tickets_task t"
        " WHERE t.ticket_id = k.id AND t.state = 'claimed')",
    ),
    Obstacle(
        "approval",
        f"{UNFINISHED} AND {AWAITS}",
        "CASE kp.approvals->>'role' WHEN 'admin' THEN 'admin' ELSE 'approver' END",
        ticket_sentences.awaits_approval,
        "Look at its evidence{on_page}, then press Approve, Request changes or Reject"
        " (POST /tickets/{ticket}/approvals).",
        since="greatest(k.phase_since, c.last_end, (SELECT max(a.at) FROM tickets_artifact a WHERE"
        " a.ticket_id = k.id))",
    ),
    Obstacle(
        "approval",
        f"{UNFINISHED} AND ({DISAPPROVED}) AND NOT ({WAITS_TO_GO_BACK})",
        OPERATOR,
        ticket_sentences.disapproved,
        "Change what was named, submit it again (POST /tickets/{ticket}/artifacts), then ask for approval.",
        since="(SELECT max(a.at) FROM tickets_approval a WHERE a.ticket_id = k.id)",
    ),
    Obstacle(
        "review_full",
        f"{UNFINISHED} AND {WAITS_TO_GO_BACK}",
        FULL_WAITS,
        sentences.waits_to_go_back,
        sentences.make_room,
        since="k.move_fault_at",
    ),
    Obstacle(
        "gate",
        f"{UNFINISHED} AND {REFUSED} AND NOT ({AWAITS}) AND ({DISAPPROVED}) IS NOT TRUE",
        OPERATOR,
        "the gate of {phase} refused: {unmet}",
        ticket_sentences.submit_evidence,
        since="(SELECT max(v.at) FROM tickets_verdict v WHERE v.ticket_id = k.id)",
    ),
    Obstacle(
        "phase",
        f"{UNFINISHED} AND {STUCK}",
        OPERATOR,
        "it should move on from {phase} but cannot: {move_fault}",
        "Fix that; the ticket then moves on by itself. Or press Send back, Block or Cancel ticket{on_page}.",
        since="k.move_fault_at",
    ),
    Obstacle(
        "review_full",
        f"{UNFINISHED} AND {WAITS_FOR_ROOM}",
        FULL_WAITS,
        sentences.waits_for_room,
        sentences.make_room,
        since="coalesce(c.last_end, k.phase_since)",
    ),
    Obstacle(
        "clock",
        f"{UNFINISHED} AND {MOVES_ON} AND k.move_fault = ''",
        CLOCK,
        ticket_sentences.move_due,
        by_clock("moves the ticket on"),
        since="coalesce(c.last_end, k.phase_since)",
    ),
    Obstacle(
        "phase",
        f"{UNFINISHED} AND k.phase <> 'BLOCKED' AND c.total = 0 AND NOT ({AWAITS})"
        f" AND ({DISAPPROVED}) IS NOT TRUE",
        OPERATOR,
        ticket_sentences.no_task,
        ticket_sentences.go_on_without_task,
        since="k.phase_since",
    ),
    Obstacle(
        "phase",
        IDLE,
        OPERATOR,
        ticket_sentences.all_ended,
        "Press Advance{on_page}, or add a task (POST /tickets/{ticket}/tasks).",
        since="coalesce(c.last_end, k.phase_since)",
    ),
    Obstacle(
        "phase",
        f"k.phase = 'CANCELLED' AND {LEFT_OPEN} > 0",
        OPERATOR,
        ticket_sentences.cancelled,
        ticket_sentences.cancel_left,
        since="k.phase_since",
    ),
    Obstacle(
        "phase",
        f"NOT {UNFINISHED} AND k.phase <> 'CANCELLED' AND {LEFT_OPEN} > 0",
        OPERATOR,
        ticket_sentences.done,
        ticket_sentences.follow_up_left,
        since="k.phase_since",
    ),
]
