"""Installs triggers and functions in migrations, each from its own SQL file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.db.migrations import RunSQL

# Without it, a temporary table of the session could take the place of one of ours.
PIN = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION {function} SET search_path = %I, pg_temp', current_schema());
END $$;
"""


def install(migration: str, name: str, *, pinned: Sequence[str] = (), undo: str | None = None) -> RunSQL:
    """The migration operation that runs sql/`name`.sql beside the migration (its `__file__`).

    pinned: functions of the file, with their argument types, that must see only our tables.
    undo: SQL that removes it again; without it the migration cannot be reversed.
    """
    text = (Path(migration).parent / "sql" / f"{name}.sql").read_text()
    return RunSQL(text + "".join(PIN.format(function=function) for function in pinned), undo)
