from __future__ import annotations

from datetime import datetime

import pytest

from tickets.models import (
    Schedule,
    ScheduleRun,
    ScheduleSpec,
    TaskSpec,
    TemplateSpec,
    Ticket,
    TicketTemplate,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def template(project, operator):
    spec = TemplateSpec("nightly", "Audit of {date}", tasks=[TaskSpec("Look at {date}")])
    return TicketTemplate.objects.create_template(project, spec, by=operator)


@pytest.fixture
def scheduled(project, operator, template):
    """A schedule that was looked at until `since`, by default until 02:30 of 10 January 2027."""

    def make(cron="0 * * * *", *, since="2027-01-10T02:30Z", **more):
        spec = ScheduleSpec(template, cron, **more)
        schedule = Schedule.objects.create_schedule(project, spec, by=operator)
        return looked_at(schedule, since)

    return make


def looked_at(schedule: Schedule, since: str) -> Schedule:
    """The schedule, as if the clock had looked at it until then."""
    schedule.begin(at(since))
    Schedule.objects.filter(pk=schedule.pk).update(next_at=schedule.next_at, look_at=schedule.look_at)
    return schedule


def opens(now: str) -> int:
    """The clock looks, at this time."""
    return Schedule.objects.open_due(now=at(now))


def told(schedule: Schedule) -> list[tuple[str, str, str]]:
    """Its runs, the first first: when it was due by the clocks of its zone, its state, and why."""
    rows = ScheduleRun.objects.filter(schedule=schedule).select_related("schedule").order_by("due_at")
    return [(f"{run.local:%d %H:%M}", run.state, run.why) for run in rows]


def titles() -> list[str]:
    return list(Ticket.objects.order_by("pk").values_list("title", flat=True))


def end(ticket: Ticket, by) -> None:
    Ticket.objects.act(ticket.pk, "cancel", by=by, reason="It is done elsewhere")


def newest() -> Ticket:
    return Ticket.objects.latest("pk")
