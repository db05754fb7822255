"""How migrations install triggers and functions: from a file of their own, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.db.migrations import RunSQL

# Without it, a temporary table of the session could stand in for one of ours.
PIN = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION {function} SET search_path = %I, pg_temp', current_schema());
END $$;
"""


def install(migration: str, name: str, *, pinned: Sequence[str] = (), undo: str | None = None) -> RunSQL:
    """The operation that runs sql/`name`.sql, which lies beside the migration (its `__file__`).

    pinned: functions of the file, with the types of their arguments, that see no tables but ours.
    undo: what takes it out again; without it the migration cannot be reversed.
    """
    text = (Path(migration).parent / "sql" / f"{name}.sql").read_text()
    return RunSQL(text + "".join(PIN.format(function=function) for function in pinned), undo)
