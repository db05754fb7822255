"""SweepRun: when each sweep last ran, and what stood in its way."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from omoi_site.database import sql
from tickets.models.explain.conditions import ABSENT_SINCE

# the row of the loop itself: claims run some sweeps too, so their rows do not tell whether a clock runs
CLOCK = "clock"


class SweepRun(models.Model):
    """A run that is long ago, or older than the database's start, means that nobody could renew meanwhile."""

    name = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp())
    error = models.TextField(
        blank=True, db_default="", help_text="why its last run failed; empty when it did not"
    )

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"

    @classmethod
    def ran(cls, name: str) -> None:
        """Note that the sweep ran; written at most once a second, and never waited for."""
        sql.rows(
            """WITH old AS (SELECT r.name FROM tickets_sweeprun r WHERE r.name = %(name)s::varchar AND r.at < clock_timestamp() - interval '1 s'
                            FOR NO KEY UPDATE SKIP LOCKED),
               again AS (UPDATE tickets_sweeprun r SET at = clock_timestamp() FROM old WHERE r.name = old.name)
               INSERT INTO tickets_sweeprun (name, at) SELECT %(name)s::varchar, clock_timestamp()
               WHERE NOT EXISTS (SELECT FROM tickets_sweeprun WHERE name = %(name)s::varchar) ON CONFLICT DO NOTHING""",
            {"name": name},
        )

    @classmethod
    def forgive_absence(cls, name: str, extend: str) -> None:
        """When the sweep `name` has been absent, run the statement `extend` (parameter `since`: its last run)
        and note that it runs again.
        """
        absent = f"SELECT at FROM {ABSENT_SINCE.format(sweep='%s')} a(at)"
        if sql.one(absent, [name]):
            sql.rows(
                "SELECT FROM tickets_sweeprun WHERE name = %s FOR UPDATE", [name]
            )  # one at a time: the next finds that it runs again
            if since := sql.one(absent, [name]):
                sql.rows(extend, {"since": since["at"]})
                sql.rows("UPDATE tickets_sweeprun SET at = clock_timestamp() WHERE name = %s", [name])

    @classmethod
    def note(cls, errors: Mapping[str, str]) -> None:
        """Note one turn of the clock: the sweeps that ran, each with what went wrong."""
        sql.rows(
            """INSERT INTO tickets_sweeprun AS r (name, at, error) SELECT name, clock_timestamp(), error
               FROM unnest(%(names)s::varchar[], %(errors)s::text[]) AS t(name, error)
               ON CONFLICT (name) DO UPDATE SET error = excluded.error, at = CASE WHEN excluded.error = '' THEN excluded.at ELSE r.at END""",
            {"names": [CLOCK, *errors], "errors": ["", *errors.values()]},
        )
