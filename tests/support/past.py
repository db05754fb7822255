"""Moves of the past: their rows are of the database alone, so only its owner can write them."""

from __future__ import annotations

from contextlib import contextmanager

from omoi_site.database import sql
from omoi_site.database.roles import as_owner

TRIGGERS = (("tickets_phasemove", "history_only_grows"), ("tickets_ticket", "ticket_moves"))


@contextmanager
def times_free():
    """Rows of the past may be written."""
    with as_owner():
        for table, trigger in TRIGGERS:
            sql.rows(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
        for table, trigger in TRIGGERS:
            sql.rows(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def moved_at(ticket, number, at):
    """This move was then."""
    sql.rows(
        "UPDATE tickets_phasemove SET at = %s WHERE ticket_id = %s AND move = %s", [at, ticket.pk, number]
    )
    sql.rows(
        "UPDATE tickets_ticket SET phase_since = %s WHERE id = %s AND moves = %s", [at, ticket.pk, number]
    )
