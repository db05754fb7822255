"""Puts what a restored backup has of another server's transactions into the past of this one.

The journal stands in the order of its transactions, whose numbers it keeps (columns of the type xid8). A dump
brings the numbers of the server it was made on. A new server's are lower: there, restored events would be
hidden from those who read the history, and new to followers at each look.
"""

from __future__ import annotations

from django.db import transaction

from omoi_site.database import sql

COLUMNS = sql.statement(__file__, "restored")
FIRST = 3  # the number of the first ordinary transaction of every server


@transaction.atomic
def renumber_transactions() -> bool:
    """As the owner: give everything the lowest number if there are numbers of the future; what has the same
    number is in the order of its ids. Returns whether that was so.
    """
    columns = sql.rows(COLUMNS)
    future = "SELECT {column} FROM {table} WHERE {column} > pg_current_xact_id() LIMIT 1"
    if not any(sql.rows(future.format(**row)) for row in columns if row["indexed"]):
        return False
    for row in columns:
        table, column, triggers = row["table"], row["column"], row["triggers"]
        for name, _ in triggers:
            sql.rows(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        sql.rows(f"UPDATE {table} SET {column} = '{FIRST}' WHERE {column} <> '{FIRST}'")
        for name, enable in triggers:
            sql.rows(f"ALTER TABLE {table} {enable} TRIGGER {name}")
    return True
