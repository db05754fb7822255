"""A connection that keeps the hints of its transaction: a commit sends them, a rollback drops them.

It also remembers which statements of the hot verbs it has prepared (`omoi_site.database.prepared`), and
whether it plans statements once or as PostgreSQL thinks best. A rollback takes back both, as psycopg then
discards all prepared statements.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

from django.db import DataError
from django.db.backends.postgresql import base, features, operations
from psycopg.pq import TransactionStatus

from omoi_site.brokers.hints import committed, committing
from omoi_site.brokers.messages import Hints

TRUSTED_S = 1.0
# PostgreSQL keeps the plan of a prepared statement, and of a foreign key's check, from when a table was small
# enough to be scanned. When the table grows, each run would scan all of it: adding 10,000 needs took minutes.
# And it takes the rows of a project for few: it would read and sort all of them, although another index has
# them in order.
PLANS = (
    "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_incremental_sort', 'off', false),"
    " set_config('jit', 'off', false)"
)
PARAMETERS = 2**16 - 1  # the limit per statement in PostgreSQL's protocol
# The statement of a process that was killed ends within a second, with the locks that it holds or waits for.
# Otherwise the server finds out only when it has a result to send: who asks again meanwhile, with the same
# Idempotency-Key or under the name of a worker that died, is kept waiting or turned away.
WATCH_CLIENT = "set_config('client_connection_check_interval', '1s', false)"
AS_USUAL, ONCE = b"auto", b"force_generic_plan"  # values of plan_cache_mode


class DatabaseFeatures(features.DatabaseFeatures):
    max_query_params = PARAMETERS


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(self, fields: Sequence[Any], objs: Sequence[Any]) -> int:
        """How many rows fit into one statement of `bulk_create` or `bulk_update`; the latter repeats the key
        of a row for each field.
        """
        return min(len(objs), PARAMETERS // (2 * max(len(fields), 1)))


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    # A server on Windows, for one, cannot, and refuses the setting: so each process asks once.
    watches_client = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints: Hints = {}
        self.held_keys: set[str] = set()  # those that this transaction has locked
        self.used_at = -TRUSTED_S
        self.prepared: set[bytes] = set()
        self.planning = AS_USUAL  # empty: not known

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)  # type: ignore[misc]  # the stubs leave it out
        self.touch()
        self._plan(AS_USUAL)
        return cursor

    def touch(self) -> None:
        self.used_at = time.monotonic()

    def plan_once_only(self) -> None:
        """Let the following prepared statement keep its first plan, until the next cursor is opened."""
        self._plan(ONCE)

    def _plan(self, how: bytes) -> None:
        if self.planning == how or self.connection is None:
            return
        server = self.connection.pgconn
        if server.transaction_status != TransactionStatus.INERROR:
            server.exec_(b"SET plan_cache_mode = " + how)
            self.planning = how

    def ends_transaction(self) -> bool:
        """Whether the end of the innermost block would commit the transaction, and nothing else."""
        outermost = self.in_atomic_block and not self.savepoint_ids and self.commit_on_exit
        return outermost and not self.needs_rollback and not self.hints

    def close_if_health_check_failed(self) -> None:
        """A query before each request would add a tenth to the cost of a claim. So a connection that worked a
        moment ago is trusted, unless unexpected bytes wait on it: they mean that the server has closed it.
        """
        if self.health_check_done:  # type: ignore[attr-defined]  # the stubs leave it out
            return
        if time.monotonic() - self.used_at >= TRUSTED_S or self._addressed():
            super().close_if_health_check_failed()

    def _addressed(self) -> bool:
        """Whether unexpected bytes wait on the connection."""
        if self.connection is None or self.connection.closed or self.in_atomic_block:
            return False
        looking = (
            select.poll()
        )  # not `select`: it fails for descriptors above 1,023, and a server has more clients
        looking.register(self.connection.fileno(), select.POLLIN)
        return bool(looking.poll(0))

    def connect(self) -> None:
        self.hints = {}
        self.held_keys = set()
        self.prepared, self.planning = set(), AS_USUAL
        super().connect()

    def init_connection_state(self) -> None:
        super().init_connection_state()
        with self.cursor() as cursor:
            if DatabaseWrapper.watches_client:
                try:
                    cursor.execute(f"{PLANS}, {WATCH_CLIENT}")
                    return
                except DataError:
                    DatabaseWrapper.watches_client = False
            cursor.execute(PLANS)

    def _commit(self) -> None:
        hints, self.hints = self.hints, {}
        if hints:
            committing(hints, self)
        self.held_keys = set()
        super()._commit()  # type: ignore[misc]  # the stubs leave it out
        if hints:
            committed(hints)

    def _rollback(self) -> None:
        self.hints = {}
        self.held_keys = set()
        # psycopg rolls back, and discards what it has prepared, only what has begun and not yet ended
        begun = self.connection and self.connection.pgconn.transaction_status != TransactionStatus.IDLE
        super()._rollback()  # type: ignore[misc]
        self.planning = b""  # a COMMIT that was refused has taken it back too
        if begun:
            self._forget()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.held_keys = set()
        self.planning = b""
        self._forget()

    def _forget(self) -> None:
        """Begin anew with prepared statements: psycopg has discarded all, if it had prepared one itself."""
        if self.prepared and self.connection is not None:
            self.connection.pgconn.exec_(b"DEALLOCATE ALL")
        self.prepared = set()
