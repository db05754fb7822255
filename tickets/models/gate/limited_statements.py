"""What checks do in the transaction that judges: bounded, and undone after an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import psycopg.errors
from django.db import DatabaseError, connection, transaction

from omoi_site.database import sql
from tickets.gates import time_limit

STATEMENT_S = 5.0  # of one statement of a check
# or what the session allows, if that is less
LIMIT = """
WITH session AS MATERIALIZED (SELECT current_setting('statement_timeout') AS before)
SELECT
  before,
  set_config(
    'statement_timeout',
    least(nullif(1000 * extract(epoch FROM before::interval), 0), %(most)s)::int::text,
    true
  )
FROM session
"""
LIMIT_AS_BEFORE = "SELECT set_config('statement_timeout', %(before)s, true)"
Each = Callable[[], AbstractContextManager[None]]


@contextmanager
def limited_statements() -> Iterator[Each]:
    """Gives what each check is run in. There its statements end in time, and an error in one leaves the
    transaction as it was before. Raises TimeUp there.
    """
    if not connection.in_atomic_block:
        yield partial(_each, "")
        return
    session = sql.one(LIMIT, {"most": int(1_000 * min(STATEMENT_S, time_limit.MOST_S))})
    assert session
    savepoint = transaction.savepoint()
    yield partial(_each, savepoint)
    # not rolled back: that would discard what this connection has prepared for claims
    transaction.savepoint_commit(savepoint)
    sql.rows(LIMIT_AS_BEFORE, {"before": session["before"]})


@contextmanager
def _each(savepoint: str) -> Iterator[None]:
    time_limit.left()
    try:
        yield
    except DatabaseError as error:
        if savepoint:
            transaction.savepoint_rollback(savepoint)
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise time_limit.TimeUp from error
        raise
