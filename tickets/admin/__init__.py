"""The admin of tickets, one module per subject. Django loads this package, which registers them all."""

from tickets.admin import (
    context,
    coordination,
    evidence,
    figures,
    filters,
    fleet,
    queue,
    relations,
    repositories,
    schedules,
    tasks,
    tickets,
    waits,
    workflows,
)

__all__ = [
    "context",
    "coordination",
    "evidence",
    "figures",
    "filters",
    "fleet",
    "queue",
    "relations",
    "repositories",
    "schedules",
    "tasks",
    "tickets",
    "waits",
    "workflows",
]
