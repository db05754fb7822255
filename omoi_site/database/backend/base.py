"""A connection that keeps the hints of its transaction: a commit sends them, a rollback drops them."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base, features, operations

from omoi_site.brokers.hints import committed, committing
from omoi_site.brokers.messages import Hints

TRUSTED_S = 1.0
PARAMETERS = 2**16 - 1  # the limit per statement in PostgreSQL's protocol


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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints: Hints = {}
        self.used_at = -TRUSTED_S

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)  # type: ignore[misc]  # the stubs leave it out
        self.used_at = time.monotonic()
        return cursor

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
