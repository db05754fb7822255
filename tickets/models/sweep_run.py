"""SweepRun: when each sweep last ran, and its error."""

from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import models

from omoi_site.database import sql
from tickets.models.explain.sql_fragments import ABSENT_SINCE

# the row of the loop itself: claims run some sweeps too, so those rows do not show whether a clock runs
CLOCK = "clock"
# of those who send messages to a broker that is not our database: what each of them has last met
BROKER = "broker"

NAME_LENGTH = 30

RAN = sql.statement(__file__, "sweep_ran")
RAN_ALL = """
INSERT INTO tickets_sweeprun AS r (name, at, error)
SELECT name, clock_timestamp(), error
FROM unnest(%(names)s::varchar[], %(errors)s::text[]) AS t(name, error)
ON CONFLICT (name) DO UPDATE SET
  error = excluded.error,
  at = CASE WHEN excluded.error = '' THEN excluded.at ELSE r.at END
"""

# Row `r` of one that cannot send. One that has noted nothing for a minute has ended: otherwise it would have
# tried again after 10 s at the latest, which takes RabbitMQ up to 30 s, and noted that.
CANNOT_SEND = f"starts_with(r.name, '{BROKER} ') AND r.at > clock_timestamp() - interval '1 min'"
BROKER_FAILS = """
INSERT INTO tickets_sweeprun AS r (name, error, waiting_since)
VALUES (%(name)s, %(error)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET
  error = excluded.error,
  at = clock_timestamp(),
  waiting_since = coalesce(r.waiting_since, excluded.waiting_since)
"""
# what it has noted before, if it can send now, and what those noted that have ended
FORGET_BROKERS = f"""
DELETE FROM tickets_sweeprun r
WHERE CASE
  WHEN r.name = %(name)s THEN %(error)s = ''
  ELSE starts_with(r.name, '{BROKER} ') AND NOT ({CANNOT_SEND})
END
"""
WAITING = """
UPDATE tickets_sweeprun
SET
  waiting = %(waiting)s,
  waiting_since = CASE
    WHEN %(since)s::timestamptz < clock_timestamp() - interval '1 min' THEN %(since)s::timestamptz
  END
WHERE name = %(name)s
"""


class SweepRun(models.Model):
    """If the last run is long ago, or before the database's start, nobody could renew leases since."""

    name = models.CharField(max_length=NAME_LENGTH, primary_key=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp())
    error = models.TextField(
        blank=True, db_default="", help_text="why its last run failed; empty if it did not"
    )

    waiting = models.PositiveIntegerField(
        default=0, db_default=0, help_text="how much it found that should have been done long before"
    )
    waiting_since = models.DateTimeField(null=True, help_text="since when; null: nothing lags behind")

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"

    @classmethod
    def ran(cls, name: str) -> None:
        """Record that the sweep ran: at most once a second, and without waiting for a lock."""
        sql.rows(RAN, {"name": name})

    @classmethod
    def forgive_absence(cls, name: str, extend: str) -> None:
        """If the sweep `name` did not run for a while, run the statement `extend` (parameter `since`: its
        last run) and record that it runs again.
        """
        absent = f"SELECT at FROM {ABSENT_SINCE.format(sweep='%s')} a(at)"
        if sql.one(absent, [name]):
            # one at a time: the next one finds that it runs again
            sql.rows("SELECT FROM tickets_sweeprun WHERE name = %s FOR UPDATE", [name])
            if since := sql.one(absent, [name]):
                sql.rows(extend, {"since": since["at"]})
                sql.rows("UPDATE tickets_sweeprun SET at = clock_timestamp() WHERE name = %s", [name])

    @classmethod
    def note_waiting(cls, name: str, number: int, since: datetime | None) -> None:
        """Record how much the sweep found to do, and since when, if that is more than a minute ago."""
        sql.rows(WAITING, {"name": name, "waiting": number, "since": since})

    @classmethod
    def note_broker(cls, error: str, *, process: str = "") -> None:
        """Record that this process could not send messages, and why; or, with an empty text, that it could.
        That another one can says nothing about this one.
        """
        noted = {"name": f"{BROKER} {process or _process(os.getpid())}", "error": error}
        sql.rows(FORGET_BROKERS, noted)
        if error:
            sql.rows(BROKER_FAILS, noted)

    @classmethod
    def note(cls, errors: Mapping[str, str]) -> None:
        """Record one turn of the clock: the sweeps that ran, each with its error."""
        sql.rows(
            RAN_ALL,
            {"names": [CLOCK, *errors], "errors": ["", *errors.values()]},
        )


@functools.cache
def _process(pid: int) -> str:
    """A name for this process alone: in containers the pid is the same, and often most of the host's name. A
    process that was forked has another pid, and so another name.
    """
    return secrets.token_hex(8)
