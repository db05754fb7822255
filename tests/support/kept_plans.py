"""Prepared statements that outlive a rollback, for tests that run the same statements over and over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from psycopg._preparing import PrepareManager

from omoi_site.database.backend import base

CLEAR, FORGET = PrepareManager.clear, base.DatabaseWrapper._forget


@contextmanager
def kept_statements() -> Iterator[None]:
    """Without this each test, as it is rolled back, lets all statements be prepared and planned anew: a fifth
    of what the tests cost.

    psycopg discards them because a rollback may take back a table that they read: tests make none that way.
    """
    with (
        mock.patch.object(PrepareManager, "clear", return_value=False),
        mock.patch.object(PrepareManager, "prepared_max", 10_000),
        mock.patch.object(base.DatabaseWrapper, "_forget"),
    ):
        yield


@contextmanager
def discarded_statements() -> Iterator[None]:
    """As it is outside of tests."""
    with (
        mock.patch.object(PrepareManager, "clear", CLEAR),
        mock.patch.object(base.DatabaseWrapper, "_forget", FORGET),
    ):
        yield


@contextmanager
def kept_plans() -> Iterator[None]:
    """All statements keep their first plan, for tests that run large ones over many states: to plan those of
    explain takes ten times as long as to run them.
    """
    with kept_statements(), mock.patch.object(base, "AS_USUAL", base.ONCE):
        yield
