"""HourlyFigures: what happened in each hour, counted from the journal by the sweep `count_events`.

The journal has millions of rows and no index by kind or time, which every act would pay for. A sweep reads
each event once, so that a page reads a row for each hour.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from omoi_site.database import sql
from tickets.models.attention import attention_list
from tickets.models.figures.wait import BUCKET, BUCKETS
from tickets.models.task.readiness import READY

ALL = 0  # stands for all projects together
BATCH = 5_000  # events
MOST_COUNTED = 100_000  # ready tasks of a lane, claims of a project
KEPT = "interval '61 days'"

COUNT = sql.statement(__file__, "count_events", kept=KEPT, bucket=BUCKET, buckets=str(BUCKETS))
SAMPLE = sql.statement(__file__, "sample_queue", ready=READY)
SAMPLE_STUCK = sql.statement(__file__, "sample_stuck")
BEGIN = "INSERT INTO tickets_figuresplace (id, xid, event) VALUES (1, '0', 0) ON CONFLICT DO NOTHING"
FORGET = f"""
WITH old AS (
  SELECT id
  FROM tickets_hourlyfigures
  WHERE hour < clock_timestamp() - {KEPT}
  ORDER BY hour
  LIMIT %(most)s
)
DELETE FROM tickets_hourlyfigures
WHERE id = ANY (ARRAY(SELECT id FROM old))
RETURNING id
"""


class FiguresManager(models.Manager["HourlyFigures"]):
    @sql.patiently
    def count_events(self, limit: int = BATCH) -> int:
        """Count the next events of the journal; returns how many there were."""
        if not FiguresPlace.objects.exists():
            sql.rows(BEGIN)
        row = sql.one(COUNT, {"most": limit})
        return int(row["number"]) if row else 0

    def sample_queue(self) -> None:
        """Note how many tasks are ready and claimed now."""
        sql.rows(SAMPLE, {"most": MOST_COUNTED})

    def sample_stuck(self) -> None:
        """Note how many tickets of each project only a person can move on now."""
        numbers = attention_list.stuck_numbers()
        sql.rows(SAMPLE_STUCK, {"projects": list(numbers), "numbers": list(numbers.values())})

    def forget(self, limit: int) -> int:
        """Delete a batch of hours that no page shows any more; returns how many."""
        return len(sql.rows(FORGET, {"most": limit}))


class HourlyFigures(models.Model):
    project_id = models.BigIntegerField(help_text="0: all projects together")
    hour = models.DateTimeField(help_text="when it began")
    completed = models.PositiveIntegerField(db_default=0, help_text="tasks")
    failed = models.PositiveIntegerField(db_default=0, help_text="tasks, for good")
    lapsed = models.PositiveIntegerField(db_default=0, help_text="claims")
    judged = models.PositiveIntegerField(db_default=0, help_text="judgements of gates")
    refused = models.PositiveIntegerField(db_default=0, help_text="of them those that did not pass")
    checks = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="of judgements: {check: [how often it passed, how often not]}",
    )
    stays = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="in phases that were left: {phase: {bucket of their length: how many}}",
    )
    waits = ArrayField(
        models.PositiveIntegerField(),
        db_default=[],
        help_text="first grants, by how long their tasks had been ready",
    )
    ready = models.PositiveIntegerField(null=True, help_text="ready tasks, when it was looked at last")
    claimed = models.PositiveIntegerField(null=True, help_text="claimed tasks, then")
    stuck = models.PositiveIntegerField(
        null=True, help_text="tickets that only a person can move on, when it was looked at last"
    )

    objects = FiguresManager()

    class Meta:
        verbose_name_plural = "hourly figures"
        indexes = [models.Index(fields=["hour"], name="figures_hour")]
        constraints = [models.UniqueConstraint(fields=["project_id", "hour"], name="figures_once")]

    def __str__(self) -> str:
        return f"{self.hour} of {self.project_id or 'all'}"


class FiguresPlace(models.Model):
    """Up to which event of the journal has been counted: one row."""

    id = models.SmallIntegerField(primary_key=True)
    xid = sql.XidField()
    event = models.BigIntegerField()
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), help_text="when it counted some last")

    def __str__(self) -> str:
        return f"up to event {self.event}"
