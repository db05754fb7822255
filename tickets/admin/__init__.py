"""The admin of tickets: a module a subject. Django loads this package, which registers them all."""

from tickets.admin import evidence, filters, fleet, relations, tasks, tickets, workflows

__all__ = ["evidence", "filters", "fleet", "relations", "tasks", "tickets", "workflows"]
