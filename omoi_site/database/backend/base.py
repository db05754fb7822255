"""A connection that keeps the hints of its transaction: written with it, sent after it, or gone with it."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base, features, operations

from omoi_site.brokers.hints import committed, committing
from omoi_site.brokers.messages import Hints

TRUSTED_S = 1.0
PARAMETERS = 2**16 - 1  # of one statement, in PostgreSQL's protocol


class DatabaseFeatures(features.DatabaseFeatures):
    max_query_params = PARAMETERS


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(self, fields: Sequence[Any], objs: Sequence[Any]) -> int:
        """How many rows one statement of `bulk_create` or `bulk_update` holds; the latter gives each row's
        key with each of its fields.
        """
        return min(len(objs), PARAMETERS // (2 * max(len(fields), 1)))


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints: Hints = {}
        self.used_at = -TRUSTED_S

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)  # type: ignore[misc]  # the stubs leave it out
        self.used_at = time.monotonic()
        return cursor

    def close_if_health_check_failed(self) -> None:
        """To ask before each request costs a tenth of a claim; what worked a moment ago is trusted, unless
        the server has said something since: to one who asked for nothing that is its farewell."""
        if self.health_check_done:  # type: ignore[attr-defined]  # the stubs leave it out
            return
        if time.monotonic() - self.used_at >= TRUSTED_S or self._addressed():
            super().close_if_health_check_failed()

    def _addressed(self) -> bool:
        """Whether something came that was not asked for."""
        if self.connection is None or self.connection.closed or self.in_atomic_block:
            return False
        looking = (
            select.poll()
        )  # not `select`: it knows no descriptor beyond 1,023, and a port has more clients
        looking.register(self.connection.fileno(), select.POLLIN)
        return bool(looking.poll(0))

    def connect(self) -> None:
        self.hints = {}
        super().connect()

    def _commit(self) -> None:
        hints, self.hints = self.hints, {}
        if hints:
            committing(hints, self)
        super()._commit()  # type: ignore[misc]  # the stubs leave it out
        if hints:
            committed(hints)

    def _rollback(self) -> None:
        self.hints = {}
        super()._rollback()  # type: ignore[misc]
