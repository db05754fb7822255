"""What checks do in the transaction that judges: bounded, and undone. A check writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg.errors
from django.db import DatabaseError, connection, transaction

from omoi_site.database import sql
from tickets.gates import time_limit

STATEMENT_S = 5.0  # of one statement of a check
# or what the session allows, if that is less
LIMIT = """
SELECT set_config('statement_timeout', least(nullif(ms, 0), %(most)s)::int::text, true)
FROM (SELECT 1000 * extract(epoch FROM current_setting('statement_timeout')::interval) AS ms) session
"""
Each = Callable[[], AbstractContextManager[None]]


@contextmanager
def limited_statements() -> Iterator[Each]:
    """Gives what each check is run in. There its statements end in time, and an error in one leaves the
    transaction as it was before. Raises TimeUp there.
    """
    savepoint = transaction.savepoint() if connection.in_atomic_block else None

    @contextmanager
    def each() -> Iterator[None]:
        time_limit.left()
        try:
            yield
        except DatabaseError as error:
            if savepoint:
                transaction.savepoint_rollback(savepoint)
                _limit()
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise time_limit.TimeUp from error
            raise

    if savepoint is None:
        yield each
        return
    _limit()
    yield each
    transaction.savepoint_rollback(savepoint)  # which takes the limit back too
    transaction.savepoint_commit(savepoint)


def _limit() -> None:
    sql.rows(LIMIT, {"most": int(1_000 * min(STATEMENT_S, time_limit.MOST_S))})
