"""Whether this process can do its work, and if not, why: for load balancers and for scripts that wait.

Anybody may ask, so it is cheap: one thread with its own connection looks at most once a second, even when
every request thread is busy. The answer comes in time even when the database does not answer.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from django.db import DatabaseError, ProgrammingError
from django.db.migrations.loader import MigrationLoader

from omoi_site.database import sql
from omoi_site.serving.request_threads import Threads, Turn
from omoi_site.setup import paths

LIMIT_S = 2.0
FRESH_S = 1.0
LEAST_ROOM = 200 << 20
LOGIN = re.compile(r"//[^/@\s]*@")  # in an address inside an error message

Check = Callable[[], str]
log = logging.getLogger(__name__)


class Readiness:
    """Runs `checks` by name, in order; each returns "" or a sentence. Those after `database` run only if it
    passed. `warnings` are checked like these, and this process is ready all the same.
    """

    def __init__(self, checks: dict[str, Check], warnings: dict[str, Check] | None = None) -> None:
        self.warnings = warnings or {}
        self.checks = checks | self.warnings
        self.thread = Threads(1)
        self.results: dict[str, str] = {}
        self.looking: Turn | None = None
        self.began = float("-inf")

    async def ask(self) -> dict[str, str]:
        """The result of each check. One that takes too long says so."""
        now = time.monotonic()
        if self.looking is None or (self.looking.done() and now - self.began > FRESH_S):
            self.began = now
            self.looking = self.thread.run(self.look)
        await asyncio.wait([self.looking], timeout=max(0.0, self.began + LIMIT_S - now))
        results, done = dict(self.results), self.looking.done()
        waiting = [name for name in self.checks if name not in results]
        for name in waiting:
            results[name] = "not known" if done or name != waiting[0] else f"no answer within {LIMIT_S:g} s"
        return results

    def look(self) -> None:
        before, self.results = self.results, {}
        for name, check in self.checks.items():
            self.results[name] = self.result(name, check)
            if name == "database" and self.results[name]:
                break
        if self.results != before and (wrong := {name: text for name, text in self.results.items() if text}):
            log.warning("not ready: %s", wrong)

    def result(self, name: str, check: Check) -> str:
        try:
            return LOGIN.sub("//", check())
        except Exception as error:
            log.warning("the check %s failed: %s", name, error)
            return f"could not be checked: {type(error).__name__}"


def database() -> str:
    """Whether the database answers and takes writes.

    It also sets this thread's statement timeout.
    """
    try:
        row = sql.one(
            "SELECT set_config('statement_timeout', '1500', false),"
            " current_setting('transaction_read_only') AS read_only"
        )
    except DatabaseError as error:
        log.warning("the database does not answer: %s", error)
        return "PostgreSQL does not answer; the log of this process says why"
    return (
        ""
        if row and row["read_only"] == "off"
        else "PostgreSQL is read-only: point DATABASE_URL at the primary server"
    )


@functools.cache
def shipped() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def migrations() -> str:
    """Whether all migrations are applied."""
    try:
        applied = {(row["app"], row["name"]) for row in sql.rows("SELECT app, name FROM django_migrations")}
    except ProgrammingError:
        applied = set()
    if not (missing := sorted(shipped() - applied)):
        return ""
    return (
        f"{len(missing)} of {len(shipped())} migrations are not applied, {'.'.join(missing[0])} first:"
        " run `python3 manage.py migrate`"
    )


def embedded_server(home: Path) -> str:
    """Whether the PostgreSQL of OMOI_HOME runs and has room to write."""
    if os.environ.get("DATABASE_URL"):
        return ""
    data_folder = paths.data_folder(home)
    try:
        os.kill(int((data_folder / "data" / "postmaster.pid").read_text().split()[0]), 0)
    except PermissionError:  # it belongs to another account: assume that it is alive
        pass
    except (OSError, ValueError, IndexError):
        return (
            "the embedded PostgreSQL does not run: run `python3 manage.py up`;"
            " logs/postgres.log in OMOI_HOME says why it stopped"
        )
    if data_folder.exists() and (free := shutil.disk_usage(data_folder).free) < LEAST_ROOM:
        return f"only {free >> 20} MiB are free where PostgreSQL writes; free some space before it stops"
    return ""
