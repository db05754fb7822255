"""Prepares the database before the processes start: a backup, the migrations, a superuser."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from omoi_site.database import privileges, restored, roles
from omoi_site.database.backup import back_up
from omoi_site.database.binaries import NoServer

ONE_AT_A_TIME = 0x6F6D6F69  # the advisory lock held while migrating


def migrate(say: Callable[[str], None], backups: Path | None) -> None:
    """Apply the migrations and the application's privileges, as the owner. If the database has tables, a
    backup is saved in the folder `backups` first.
    """
    with roles.as_owner(), alone():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not plan:
            privileges.grant()
            restored.renumber_transactions()
            return
        before, saved = _applied(executor), None
        if executor.loader.applied_migrations and backups:
            saved = back_up(backups, connection.settings_dict)
            say(f"A backup of the database was saved in {saved}.")
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except DatabaseError as error:
            state = "It is as the last completed migration left it."
            if all(migration.atomic for migration, _ in plan) and _applied(executor) == before:
                state = "It is unchanged."
                if saved:  # starts that fail again and again would push out the older ones
                    saved.unlink()
                    state = "It is unchanged, so the backup was removed again."
            raise NoServer(
                f"The database could not be migrated. {state}"
                f" Fix the cause, then start again: {str(error).strip()}"
            ) from error
        say(f"Migrated: {len(plan)} {'migration' if len(plan) == 1 else 'migrations'} applied.")


def operator() -> Any:
    """The first active superuser. On the first start that is `admin`, created now without a password."""
    users = get_user_model().objects
    with alone():
        return users.filter(is_superuser=True, is_active=True).order_by(
            "pk"
        ).first() or users.create_superuser("admin", password=None)


def _applied(executor: MigrationExecutor) -> set[tuple[str, str]] | None:
    """The migrations that the database has now; None if it does not answer."""
    with contextlib.suppress(DatabaseError):
        return set(executor.recorder.applied_migrations())
    return None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """If two machines start on one DATABASE_URL, they migrate one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])
