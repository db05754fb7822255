"""ScheduleRun: one time at which a schedule was due, or was run by hand, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import models

from agents.models import Project
from omoi_site import field_limits
from omoi_site.database import sql
from tickets.models.ticket.ticket import Ticket

KEPT = timedelta(days=90)
FORGET = """
DELETE FROM tickets_schedulerun
WHERE id = ANY (ARRAY(
  SELECT r.id FROM tickets_schedulerun r
  WHERE r.at < clock_timestamp() - %(kept)s AND r.state <> 'owed'
  ORDER BY r.at
  LIMIT %(most)s
))
RETURNING id
"""


class ScheduleRunQuerySet(models.QuerySet["ScheduleRun"]):
    def owed(self) -> ScheduleRunQuerySet:
        # as a literal, so that a prepared statement finds the partial index
        return cast("ScheduleRunQuerySet", self.extra(where=["tickets_schedulerun.state = 'owed'"]))

    def owed_of(self, schedules: Iterable[Any]) -> dict[int, int]:
        """How many each of these schedules owes, by its id; without those that owe none."""
        counted = self.owed().filter(schedule__in=schedules).order_by().values_list("schedule")
        return dict(counted.annotate(models.Count("pk")))

    def forget(self, limit: int) -> int:
        """Delete a batch of those that are 90 days old; returns how many. Their tickets stay."""
        return len(sql.rows(FORGET, {"kept": KEPT, "most": limit}))


class ScheduleRun(models.Model):
    class State(models.TextChoices):
        OWED = "owed"
        OPENED = "opened"
        SKIPPED = "skipped"

    class Why(models.TextChoices):
        """Why it is owed or was skipped."""

        NONE = ""
        OVERLAP = "overlap"  # its last ticket is still open, or an earlier run is owed
        FULL = "full"  # the project or a phase is at its limit
        REFUSED = "refused"  # the ticket could not be opened
        MISSED = "missed"  # nobody opened it in time
        DROPPED = "dropped"  # more were missed than are opened
        REPLACED = "replaced"  # a later run came before it was opened
        DISABLED = "disabled"  # the schedule was switched off or removed

    schedule = models.ForeignKey("Schedule", models.CASCADE, related_name="runs", db_index=False)
    project = models.ForeignKey(Project, models.CASCADE, db_index=False, related_name="+")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State)
    why = models.CharField(max_length=10, choices=Why, blank=True, default="")
    detail = field_limits.text(field_limits.REASON, blank=True, default="")
    ticket = models.ForeignKey(Ticket, models.PROTECT, null=True, blank=True, related_name="schedule_runs")
    by_hand = models.BooleanField(default=False)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), help_text="when this was found")

    objects = ScheduleRunQuerySet.as_manager()

    class Meta:
        ordering = ["-due_at"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="schedule_run_once"),
            models.CheckConstraint(
                condition=models.Q(state="opened", ticket__isnull=False)
                | ~models.Q(state="opened") & models.Q(ticket__isnull=True),
                name="schedule_run_has_ticket",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "due_at", "id"],
                name="schedule_run_owed",
                condition=models.Q(state="owed"),
            ),
            models.Index(
                fields=["schedule", "due_at"],
                name="schedule_run_owed_of",
                condition=models.Q(state="owed"),
            ),
            models.Index(fields=["schedule", "id"], name="schedule_run_list"),
            models.Index(fields=["at"], name="schedule_run_old"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M} UTC"

    @property
    def local(self) -> datetime:
        """When it was due, by the clocks of its schedule's zone."""
        return self.schedule.line.at(self.due_at)
