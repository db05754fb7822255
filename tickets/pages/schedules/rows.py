"""What the pages of schedules say: how a schedule stands, what came of a run, the times in its zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from omoi_site.database import sql
from tickets.models import Schedule, ScheduleRun
from tickets.models.schedule.cron_line import CronLine

LAST = """
SELECT (
  SELECT r.id FROM tickets_schedulerun r WHERE r.schedule_id = s.id ORDER BY r.due_at DESC LIMIT 1
) AS id
FROM unnest(%s::bigint[]) s(id)
"""
OVERLAP = {
    "skip": "the run is skipped",
    "queue": "the run waits until that ticket has ended",
    "replace": "that ticket is cancelled",
}
MISFIRE = {
    "none": "none of them is opened later",
    "one": "one ticket is opened for all of them",
    "all": "each is opened later, at most 100",
}
STATES = {
    "opened": ("Opened", "ok", "circle-check"),
    "owed": ("Owed", "warn", "clock"),
    "skipped": ("Skipped", "neutral", "ban"),
}


@dataclass(frozen=True)
class Time:
    """A moment, as the clocks of a schedule's zone show it."""

    at: datetime
    line: CronLine

    @property
    def words(self) -> str:
        return f"{self.line.at(self.at):%a %d %b %Y, %H:%M %Z}"


@dataclass(frozen=True)
class RunRow:
    run: ScheduleRun
    line: CronLine

    @property
    def due(self) -> Time:
        return Time(self.run.due_at, self.line)

    @property
    def word(self) -> str:
        return STATES[self.run.state][0]

    @property
    def tone(self) -> str:
        return STATES[self.run.state][1]

    @property
    def icon(self) -> str:
        return STATES[self.run.state][2]


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule with its last run, and how many runs it owes."""

    schedule: Schedule
    now: datetime
    last: ScheduleRun | None = None
    owed: int = 0

    @property
    def _state(self) -> tuple[str, str, str]:
        if self.schedule.removed_at:
            return "Removed", "neutral", "x"
        if not self.schedule.enabled:
            return "Off", "neutral", "circle-pause"
        if not self.schedule.line.zone_known:
            return "Unknown time zone", "bad", "ban"
        if self.owed:
            return f"{self.owed} owed", "warn", "clock"
        return "On", "ok", "circle-check"

    @property
    def word(self) -> str:
        return self._state[0]

    @property
    def tone(self) -> str:
        return self._state[1]

    @property
    def icon(self) -> str:
        return self._state[2]

    @property
    def when(self) -> str:
        return self.schedule.line.words

    @property
    def next(self) -> list[Time]:
        return times(self.schedule.line, self.schedule.upcoming(self.now))

    @property
    def next_at(self) -> datetime | None:
        return next(iter(self.schedule.upcoming(self.now, 1)), None)

    @property
    def last_run(self) -> RunRow | None:
        return RunRow(self.last, self.schedule.line) if self.last else None

    @property
    def overlap(self) -> str:
        return OVERLAP[self.schedule.overlap]

    @property
    def misfire(self) -> str:
        return MISFIRE[self.schedule.misfire]


def times(line: CronLine, moments: Sequence[datetime]) -> list[Time]:
    return [Time(moment, line) for moment in moments]


def rows_of(schedules: Sequence[Schedule], now: datetime) -> list[ScheduleRow]:
    """The rows of these schedules, in three statements."""
    ids = [schedule.pk for schedule in schedules]
    if not ids:
        return []
    last = [row["id"] for row in sql.rows(LAST, [ids])]
    found = ScheduleRun.objects.select_related("ticket").filter(pk__in=last)
    runs = {run.schedule_id: run for run in found}
    owed = ScheduleRun.objects.owed_of(ids)
    return [
        ScheduleRow(schedule, now, runs.get(schedule.pk), owed.get(schedule.pk, 0)) for schedule in schedules
    ]
