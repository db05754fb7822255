"""Prepares the database before the processes start: a backup, the migrations, a superuser."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import Error, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from omoi_site.database import embedded, location

KEPT = 3
ONE_AT_A_TIME = 0x6F6D6F69  # the advisory lock held while migrating


def reach(which: str = "") -> None:
    """Raise NoServer unless the database answers. The message names host and port, never the password."""
    try:
        connection.ensure_connection()
    except Error as error:
        database = connection.settings_dict
        raise embedded.NoServer(
            f"The database {which}at {location.place_of(database)} does not answer:"
            f" {location.plainly(error, database)}. Nothing was changed."
        ) from error


def migrate(say: Callable[[str], None], backups: Path | None) -> None:
    """Apply the migrations. A database that has tables is first saved in the folder `backups`."""
    with _alone():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not plan:
            return
        if executor.loader.applied_migrations and backups:
            say(f"A backup of the database was saved in {back_up(backups)}.")
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except OperationalError as error:
            raise embedded.NoServer(
                "The database could not be migrated. It is as the last completed migration left it."
                f" Fix the cause, then start again: {str(error).strip()}"
            ) from error
        say(f"Migrated: {len(plan)} {'migration' if len(plan) == 1 else 'migrations'} applied.")


def back_up(folder: Path) -> Path:
    """Write a dump of the database to `folder` (mode 0600, for `pg_restore`). The last three are kept."""
    folder.mkdir(exist_ok=True, mode=0o700)
    database = connection.settings_dict
    kept = folder / f"omoi-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.dump"
    scratch = kept.with_suffix(".new")
    words: list[str | Path] = [
        embedded.binaries() / "pg_dump",
        "--format=custom",
        "--no-password",
        f"--host={database['HOST']}",
        f"--username={database['USER']}",
    ]
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        done = subprocess.run(
            [*words, database["NAME"]],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PGPASSWORD": database["PASSWORD"]},
        )
        file.flush()
        os.fsync(file.fileno())
    if done.returncode:
        scratch.unlink()
        raise embedded.NoServer(
            f"the backup before the migration failed, so nothing was changed: {done.stderr.strip()[-800:]}"
        )
    scratch.rename(kept)
    for old in sorted(folder.glob("omoi-*.dump"))[:-KEPT]:
        old.unlink()
    return kept


def operator() -> Any:
    """The first active superuser. On the first start that is `admin`, created now without a password."""
    users = get_user_model().objects
    with _alone():
        return users.filter(is_superuser=True, is_active=True).order_by(
            "pk"
        ).first() or users.create_superuser("admin", password=None)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """If two machines start on one DATABASE_URL, they migrate one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])
