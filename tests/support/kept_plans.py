"""Prepared statements that outlive a rollback, for tests that run large statements over many states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from psycopg._preparing import PrepareManager

from omoi_site.database.backend import base


@contextmanager
def kept_plans() -> Iterator[None]:
    """Without this each refusal, which rolls back to a savepoint, lets all statements be planned anew; for
    those of explain that takes ten times as long as to run them.

    psycopg discards them because a rollback may take back a table that they read: the block makes none.
    """
    with (
        mock.patch.object(PrepareManager, "clear", return_value=False),
        mock.patch.object(PrepareManager, "prepared_max", 10_000),
        mock.patch.object(base, "AS_USUAL", base.ONCE),
        mock.patch.object(base.DatabaseWrapper, "_forget"),
    ):
        yield
