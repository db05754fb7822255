"""Rows that people edit: changed one at a time under a row lock, with a version that shows whether somebody
else changed them first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import models, transaction

from agents.models.actor import Actor
from agents.models.event import Journaled
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import NotFound, VersionConflict

Row = TypeVar("Row", bound="Versioned")


class Locking(models.QuerySet[Row]):
    together: tuple[str, ...] = ()  # relations to read with the row

    @sql.atomic
    def act(self, pk: int, verb: str, *, by: Actor, version: int | None = None, **how: Any) -> Row:
        """Call `verb` on one locked row, again after a deadlock. Returns the row."""
        if "reason" in how:
            how["reason"] = field_limits.reason(how["reason"])
        with self.locked(pk=pk) as row:
            row.expect_before(verb, version, by=by)
            getattr(row, verb)(by=by, **how)
        return row

    @contextmanager
    def locked(self, **which: Any) -> Iterator[Row]:
        """One locked row, in one transaction; what has changed is saved at the end with the next version."""
        with self.lock(**which) as row:
            before = copy.deepcopy(row.columns())  # lists and objects are changed in place
            yield row
            if row.columns() != before:  # an event changes it too
                row.save_version()

    @contextmanager
    def lock(self, **which: Any) -> Iterator[Row]:
        """One locked row, in one transaction, without saving it. Call `save_version` if you change it."""
        with transaction.atomic():
            self.before_lock(**which)
            # NO KEY conflicts with the FOR SHARE of transactions that add children, but not with foreign keys
            rows = self.select_for_update(no_key=True, of=("self",)).filter(**which)
            row = (rows.select_related(*self.together) if self.together else rows).first()
            if row is None:
                raise NotFound(f"no such {self.model._meta.verbose_name}")
            yield row

    def before_lock(self, **which: Any) -> None:
        """Take what must be locked before the row."""


class Versioned(Journaled):
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    def columns(self) -> dict[str, Any]:
        return {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}

    def save_version(self) -> None:
        """Save it with the next version; it must be locked."""
        self.version += 1
        self.save()

    def expect(self, version: int | None) -> None:
        """Raise VersionConflict if the caller read another version; None accepts any version."""
        if version is not None and version != self.version:
            raise VersionConflict(
                f"{self} has changed: it is at version {self.version}, not {version}",
                version=self.version,
            )

    def expect_before(self, verb: str, version: int | None, *, by: Actor) -> None:
        """Like `expect`, for a caller about to call `verb`; one who may not gets Forbidden instead."""
        try:
            self.expect(version)
        except VersionConflict:
            self.expect_permitted(verb, by)
            raise

    def expect_permitted(self, verb: str, by: Actor) -> None:
        """Raise Forbidden unless `by` may call this verb here."""
        raise NotImplementedError

    def change(
        self,
        kind: str,
        fields: dict[str, Any],
        *,
        by: Actor,
        version: int | None = None,
        reason: str = "",
    ) -> dict[str, Any]:
        """Set validated fields and write one event with the old and new values. Returns the old values of the
        fields that differ.
        """
        self.expect(version)
        before = {name: getattr(self, name) for name, value in fields.items() if getattr(self, name) != value}
        if before:
            for name in before:
                setattr(self, name, fields[name])
            sql.check(self, without=[field.name for field in self._meta.fields if field.name not in before])
            self.record(
                kind,
                by=by,
                reason=reason,
                data={"before": shown(before), "after": shown({name: fields[name] for name in before})},
            )
        return before


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """Values for the journal: objects are replaced by their names."""
    return {
        name: value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
        for name, value in values.items()
    }
