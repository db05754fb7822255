"""The clock: one process at a time runs the sweeps, the others stand by.

The running clock holds an advisory lock of its database session and runs the sweeps in the same session. A
lost connection loses both, so two clocks never run.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction

from omoi_site.database import sql
from omoi_site.redaction import error_line
from tickets.models import SweepRun
from tickets.runtime.sweeps import SWEEPS, Sweep

LOCK = 1_002  # class of the advisory lock; the graph uses another
LOOK_AGAIN_S = 1.0  # how often a stand-by checks whether the other is gone
PAUSE_S = 0.02  # between two turns when more is left, so that others get the database too
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
LIMITS = "SELECT set_config('statement_timeout', '20s', false), set_config('lock_timeout', '5s', false)"

log = logging.getLogger(__name__)


class Lost(Exception):
    """The session is lost, and the lock with it."""


class Clock:
    """Runs `sweeps`, each at its own interval, until `end`. `ready` is called once it runs or stands by."""

    def __init__(self, sweeps: Sequence[Sweep] = SWEEPS, *, ready: Callable[[], None] = lambda: None) -> None:
        self.sweeps = list(sweeps)
        self.ready = ready
        self.due = {sweep.name: 0.0 for sweep in self.sweeps}
        self.session: Any = None  # the session with the lock
        self.ended = False

    def end(self, *signal: Any) -> None:
        """The signal handler: cancels the running statement, and `run` returns."""
        self.ended = True
        raise KeyboardInterrupt  # psycopg cancels the statement for this exception

    def run(self) -> None:
        """Run until `end`, across restarts of the database."""
        with contextlib.suppress(KeyboardInterrupt):
            self._run()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self.ended:
            try:
                with self._leading():
                    pause = FIRST_PAUSE_S
                    while not self.ended:
                        self.turn()
                        time.sleep(max(PAUSE_S, min(self.due.values()) - time.monotonic()))
            except (Lost, DatabaseError, InterfaceError) as error:
                if self.ended:  # the interrupt hit a transaction at its start, so that its end failed instead
                    return
                log.warning(
                    "the clock lost the database and tries again in %.1f s: %s",
                    pause,
                    str(error).strip() or type(error).__name__,
                )
                with contextlib.suppress(DatabaseError, InterfaceError):
                    connection.close()
                time.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)

    def turn(self) -> None:
        """Run the sweeps that are due, each in its own transaction. A failing sweep does not stop the
        others.
        """
        errors: dict[str, str] = {}
        for sweep in self.sweeps:
            now = time.monotonic()
            if self.due[sweep.name] <= now:
                errors[sweep.name], done = self._swept(sweep)
                if sweep.batch is None or done < sweep.batch:
                    every_s = sweep.busy_s if done and sweep.busy_s else sweep.every_s
                    self.due[sweep.name] = later(self.due[sweep.name] or now, every_s, time.monotonic())
        if errors:
            with transaction.atomic():
                SweepRun.note(errors)

    def _swept(self, sweep: Sweep) -> tuple[str, int]:
        """What went wrong, as everybody may read it, and how much it did. The log has the whole error."""
        done, wrong = 0, ""
        try:
            done = sweep.run() or 0
        except Exception as error:
            wrong = error_line(error)
            if not (self.lost or self.ended):
                log.exception("the sweep %s failed", sweep.name)
        if self.lost or self.ended:
            raise Lost(wrong)
        return wrong, done

    @property
    def lost(self) -> bool:
        """Whether the session with the lock is lost: after a failed rollback Django opens a new one by
        itself.
        """
        return self.session is not None and (connection.connection is not self.session or self.session.closed)

    @contextlib.contextmanager
    def _leading(self) -> Iterator[None]:
        """Stand by until we have the lock."""
        standing_by = False
        sql.rows(LIMITS)
        while sql.one("SELECT pg_try_advisory_lock(%s, 0) AS ours", [LOCK]) != {"ours": True}:
            if not standing_by:
                log.info("another clock runs; standing by")
                standing_by = True
                self.ready()
            time.sleep(LOOK_AGAIN_S)
        log.info("the clock runs")
        self.session = connection.connection
        self.ready()
        try:
            yield
        finally:
            session, self.session = self.session, None
            if session is connection.connection:
                with contextlib.suppress(DatabaseError, InterfaceError):
                    sql.rows("SELECT pg_advisory_unlock(%s, 0)", [LOCK])


def later(due: float, every: float, now: float) -> float:
    """The first time of the schedule after now: a late run does not shift the following ones."""
    return due + every * (max(0.0, now - due) // every + 1)
