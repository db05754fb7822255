"""The kinds of attention of this app, in the order of the list: what stops most work comes first."""

from __future__ import annotations

from tickets.models.attention import lane_kinds, ticket_kinds
from tickets.models.attention.registry import register

KINDS = [
    lane_kinds.NOBODY_ABLE,
    lane_kinds.AGENTS_SILENT,
    ticket_kinds.MOVE_FAULT,
    ticket_kinds.GATE_FAILED,
    ticket_kinds.APPROVAL,
    ticket_kinds.TASK_FAILED,
    ticket_kinds.NOTIFIED,
    ticket_kinds.BLOCKED,
]


def register_all() -> None:
    """Called once, by TicketsConfig.ready."""
    for kind in KINDS:
        register(kind)
