"""The kinds of attention of this app, in the order of the list: what stops most work comes first."""

from __future__ import annotations

from tickets.models.attention import (
    agent_kinds,
    deadline_kinds,
    installation_kinds,
    lane_kinds,
    schedule_kinds,
    silent_kinds,
    ticket_kinds,
)
from tickets.models.attention.registry import register

KINDS = [
    installation_kinds.CLOCK_LATE,
    installation_kinds.BROKER_LATE,
    lane_kinds.NOBODY_ABLE,
    lane_kinds.AGENTS_SILENT,
    lane_kinds.CRITICAL,
    agent_kinds.AGENT_FAILING,
    agent_kinds.AGENT_SHARED,
    ticket_kinds.MOVE_FAULT,
    ticket_kinds.GATE_FAILED,
    ticket_kinds.APPROVAL,
    ticket_kinds.TASK_FAILED,
    deadline_kinds.OVERDUE_TASK,
    deadline_kinds.EXPECTED_LATE_TASK,
    ticket_kinds.NO_PROGRESS,
    silent_kinds.TICKET_SILENT,
    ticket_kinds.HELD_BY_PERSON,
    ticket_kinds.CANNOT_GO_ON,
    ticket_kinds.NOBODY,
    ticket_kinds.QUOTA,
    schedule_kinds.SCHEDULE_OWED,
    ticket_kinds.WORK_ENDED,
    ticket_kinds.DISCOVERY,
    ticket_kinds.NOTIFIED,
    ticket_kinds.BLOCKED,
]


def register_all() -> None:
    """Called once, by TicketsConfig.ready."""
    for kind in KINDS:
        register(kind)
