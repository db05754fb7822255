"""Schedule: a template of which a ticket is opened at the times of a cron line.

The clock opens what is due (`turn.py`). Each due time has one row, so it is opened once, whoever opens it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models

from agents.models import Actor, Project, Versioned, rights
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.freeze.frozen import frozen
from tickets.models.schedule import turn, variables
from tickets.models.schedule.cron_line import LONGEST, ZONE_LENGTH, CronLine
from tickets.models.schedule.removable import Removable
from tickets.models.schedule.schedule_run import ScheduleRun
from tickets.models.schedule.schedule_spec import Misfire, Overlap, ScheduleSpec
from tickets.models.schedule.ticket_template import TicketTemplate
from tickets.models.task.need import Need
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import WRITE

BATCH = 100  # schedules of one run of the sweep
MOST_OF_PROJECT = 200
EDITABLE = {"template", "cron", "timezone", "overlap", "misfire", "variables", "enabled"}
SHOWN_NEXT = 5
DUE = sql.statement(__file__, "due_schedules", frozen=frozen("s.project_id"))
PROJECT = sql.statement(__file__, "schedule_project", frozen=frozen("j.id"))
NOW = "SELECT clock_timestamp() AS now"


class ScheduleQuerySet(Removable["Schedule"]):
    together = ("project", "template")

    @sql.atomic
    def create_schedule(self, project: Project, spec: ScheduleSpec, *, by: Actor) -> Schedule:
        """A new schedule; its first run is the next time that its line names."""
        rights.require(by, WRITE, project)
        line = CronLine.read(spec.cron, spec.timezone)
        schedule = self.model(
            project=project,
            template=spec.template,
            cron=line.text,
            timezone=line.zone,
            overlap=spec.overlap,
            misfire=spec.misfire,
            enabled=spec.enabled,
            variables=dict(spec.variables),
        )
        sql.check(schedule)
        schedule.expect_template()
        if self.kept().filter(project=project).count() >= MOST_OF_PROJECT:
            raise Invalid(
                f"a project has at most {MOST_OF_PROJECT} schedules", next_action="Remove one first."
            )
        schedule.begin(_now())
        schedule.save(force_insert=True)
        schedule.record("schedule.created", by=by, data=schedule.settings())
        return schedule

    @sql.atomic
    def run_now(self, pk: int, *, by: Actor) -> ScheduleRun:
        """Open a ticket of its template at once, as a person does: whatever is frozen, full or still open.
        Its next runs stay as they are.
        """
        with self.lock(pk=pk) as schedule:
            rights.require(by, WRITE, schedule.project)
            schedule.expect_kept()
            now = _now()
            ticket = schedule.open_ticket(now, by=by)
            run = ScheduleRun.objects.create(
                schedule=schedule,
                project_id=schedule.project_id,
                due_at=now,
                state=ScheduleRun.State.OPENED,
                ticket=ticket,
                by_hand=True,
            )
            schedule.record("schedule.run_opened", by=by, data={"ticket": ticket.key, "by_hand": True})
        return run

    def open_due(self, limit: int = BATCH, *, now: datetime | None = None) -> int:
        """Open what is due, of each schedule in a transaction of its own; returns at how many it looked. What
        fails keeps no other waiting. now: the time, if not that of the database.
        """
        rows, failed = sql.rows(DUE, {"now": now, "most": limit}), None
        for row in rows:
            try:
                self._open_due(row["id"], row["project_id"], now)
            except Exception as error:
                failed = error
        if failed:
            raise failed
        return len(rows)

    @sql.atomic
    def _open_due(self, pk: int, project: int, now: datetime | None) -> None:
        """Nothing, where another has done it meanwhile, or the project was stopped."""
        Need.objects.lock_graph(project)
        with self.lock(pk=pk) as schedule:
            at = sql.one(PROJECT, {"now": now, "project": project})
            assert at
            if not at["stopped"] and schedule.look_at and schedule.look_at <= at["now"]:
                turn.take(schedule, at["now"])


class Schedule(Versioned):
    project = models.ForeignKey(Project, models.CASCADE, related_name="schedules")
    template = models.ForeignKey(TicketTemplate, models.PROTECT, related_name="schedules")
    cron = models.CharField(max_length=LONGEST)
    timezone = models.CharField(max_length=ZONE_LENGTH, default="UTC")
    overlap = models.CharField(max_length=10, choices=Overlap, default=Overlap.SKIP)
    misfire = models.CharField(max_length=10, choices=Misfire, default=Misfire.ONE)
    enabled = models.BooleanField(default=True)
    variables = models.JSONField(default=dict, blank=True)
    next_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the next time that was not looked at"
    )
    look_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the clock looks at it; empty: never"
    )
    last_ticket = models.ForeignKey(
        Ticket,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
        help_text="the ticket that it opened last",
    )
    created_at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["project", "id"]
        indexes = [
            models.Index(
                fields=["look_at", "id"],
                name="schedule_due",
                condition=models.Q(look_at__isnull=False),
            )
        ]

    runs: Any  # the reverse relation

    def __str__(self) -> str:
        return f"{self.template.name} ({self.cron} {self.timezone})"

    @property
    def topic(self) -> str:
        return self.project.topic

    @property
    def subject(self) -> str:
        return f"schedule:{self.pk}"

    @property
    def project_for_journal(self) -> int:
        return self.project_id

    @property
    def line(self) -> CronLine:
        return CronLine(self.cron, self.timezone)

    @property
    def active(self) -> bool:
        return self.enabled and self.removed_at is None

    def upcoming(self, now: datetime, count: int = SHOWN_NEXT) -> list[datetime]:
        """When it is due next; nothing while it is switched off, or where its zone is not known."""
        if not self.active or not self.line.zone_known:
            return []
        if self.next_at and self.next_at > now:
            return self.line.from_one(self.next_at, count)
        return self.line.upcoming(now, count)

    def next_after(self, now: datetime) -> datetime | None:
        """Its next time; None while it is switched off. Raises Invalid where its zone is not known."""
        return next(iter(self.line.upcoming(now, 1)), None) if self.active else None

    def settings(self) -> dict[str, Any]:
        """What people set, as the journal tells it."""
        names = ("cron", "timezone", "overlap", "misfire", "enabled", "variables")
        return {"template": self.template.name, **{name: getattr(self, name) for name in names}}

    def begin(self, now: datetime) -> None:
        """Go on with the first time after now; nothing before it counts as missed."""
        self.next_at = self.next_after(now)
        self.look_at = self.next_at

    def expect_kept(self) -> None:
        if self.removed_at:
            raise Invalid("this schedule is removed", next_action="Restore it first.")

    def expect_template(self) -> None:
        """Raise Invalid unless its template is of its project, and all its variables have values."""
        self._lock_template()
        if self.template.project_id != self.project_id or self.template.removed_at:
            raise Invalid(f"{self.project} has no template {self.template.name}", field="template")
        variables.chosen(self.template.declared, self.variables)

    def open_ticket(self, due: datetime, *, by: Actor) -> Ticket:
        """A ticket of its template, with its values and this time. The schedule must be locked."""
        reason = f"from the template {self.template.name}, by its schedule {self.pk}"
        ticket = TicketTemplate.objects.open(
            self.template_id, self.variables, by=by, at=self.line.at(due), reason=reason
        )
        self.last_ticket = ticket
        type(self).objects.filter(pk=self.pk).update(last_ticket=ticket)  # its version is for who edits it
        return ticket

    # -- each runs on a row from `locked()`

    def expect_permitted(self, verb: str, by: Actor) -> None:
        rights.require(by, WRITE, self.project)

    def edit(self, *, by: Actor, version: int | None = None, **changes: Any) -> None:
        """Change fields of EDITABLE. With another line or zone it goes on from now."""
        self.expect_permitted("edit", by)
        if strange := changes.keys() - EDITABLE:
            raise TypeError(f"a schedule's {', '.join(sorted(strange))} cannot be edited")
        self.expect_kept()
        if changes.keys() & {"cron", "timezone"}:
            line = CronLine.read(changes.get("cron", self.cron), changes.get("timezone", self.timezone))
            changes |= {"cron": line.text, "timezone": line.zone}
        before = self.change("schedule.edited", changes, by=by, version=version)
        if before.keys() & {"template", "variables"}:
            self.expect_template()
        if before.keys() & {"cron", "timezone", "enabled"}:
            self._follow_switch(by=by)

    def enable(self, *, by: Actor, reason: str = "") -> None:
        """Go on with the next time. What was due meanwhile counts as switched off, not as missed."""
        self._switch(True, "schedule.enabled", by=by, reason=reason)

    def disable(self, *, by: Actor, reason: str = "") -> None:
        """Open nothing until it is enabled. What is owed is skipped."""
        self._switch(False, "schedule.disabled", by=by, reason=reason)

    def remove(self, *, by: Actor, reason: str = "") -> None:
        """Take it out of the lists and open nothing of it. Its runs and their tickets stay."""
        self.expect_permitted("remove", by)
        if not self.removed_at:
            self.removed_at = _now()
            self.record("schedule.removed", by=by, data=self.settings(), reason=reason)
            self._follow_switch(by=by)

    def restore(self, *, by: Actor, reason: str = "") -> None:
        """Put it back as it was; it goes on with the next time."""
        self.expect_permitted("restore", by)
        if self.removed_at:
            self._lock_template()
            if self.template.removed_at:
                raise Invalid(
                    f"its template {self.template.name} is removed", next_action="Restore that first."
                )
            self.removed_at = None
            self.record("schedule.restored", by=by, reason=reason)
            self._follow_switch(by=by)

    def _lock_template(self) -> None:
        """Read it as it is now; until the end nobody removes it."""
        self.template = TicketTemplate.objects.select_for_update(no_key=True).get(pk=self.template_id)

    def _switch(self, enabled: bool, kind: str, *, by: Actor, reason: str) -> None:
        self.expect_permitted("edit", by)
        self.expect_kept()
        if self.enabled != enabled:
            self.enabled = enabled
            self.record(kind, by=by, reason=reason)
            self._follow_switch(by=by)

    def _follow_switch(self, *, by: Actor) -> None:
        now = _now()
        self.begin(now)
        if not self.active:
            turn.skip_owed(self, by=by)
        elif self.runs.owed().exists():
            self.look_at = now + timedelta(seconds=turn.LOOK_AGAIN_S)


def _now() -> datetime:
    row = sql.one(NOW)
    assert row
    now: datetime = row["now"]
    return now
