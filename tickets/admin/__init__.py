"""The admin of tickets, one module per subject. Django loads this package, which registers them all."""

from tickets.admin import evidence, filters, fleet, relations, repositories, tasks, tickets, workflows

__all__ = ["evidence", "filters", "fleet", "relations", "repositories", "tasks", "tickets", "workflows"]
