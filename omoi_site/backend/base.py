"""A connection that keeps the hints of its transaction: written with it, or sent after it, or gone with it."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from omoi_site import broker


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints: broker.Hints = {}

    def connect(self) -> None:
        self.hints = {}
        super().connect()

    def _commit(self) -> None:
        hints, self.hints = self.hints, {}
        if hints:
            broker.committing(hints, self)
        super()._commit()  # type: ignore[misc]  # the stubs leave it out
        if hints:
            broker.committed(hints)

    def _rollback(self) -> None:
        self.hints = {}
        super()._rollback()  # type: ignore[misc]
