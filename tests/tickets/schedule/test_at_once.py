"""Two clocks at the same moment, a template removed meanwhile, and a crash between a run and its ticket."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from omoi_site.database import sql
from omoi_site.errors import Invalid
from tests.support import cluster
from tests.support.concurrency import Act, meanwhile, race
from tests.tickets.schedule.conftest import at, looked_at, opens, told
from tickets.models import (
    Schedule,
    ScheduleRun,
    ScheduleSpec,
    Task,
    TemplateSpec,
    Ticket,
    TicketTemplate,
)
from tickets.models.schedule.ticket_template import TemplateInUse

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_clocks_at_the_same_moment_open_one(scheduled):
    schedule = scheduled(overlap="replace")
    look = lambda turn: opens(f"2027-01-10T{turn + 3:02}:00:01Z")  # noqa: E731

    race(5, look, look, look)

    assert told(schedule) == [(f"10 {hour:02}:00", "opened", "") for hour in range(3, 8)]
    assert Ticket.objects.count() == 5


def test_a_time_has_one_row_whoever_writes_it(scheduled):
    schedule = scheduled()
    opens("2027-01-10T03:00Z")
    looked_at(schedule, "2027-01-10T02:30Z")

    opens("2027-01-10T03:00:05Z")

    assert Ticket.objects.count() == 1
    run = ScheduleRun.objects.get()
    run.pk = None
    with pytest.raises(IntegrityError, match="schedule_run_once"), transaction.atomic():
        run.save(force_insert=True)


@pytest.mark.parametrize("verb", ["create", "edit", "restore"])
def test_no_schedule_has_a_template_that_is_removed_meanwhile(scheduled, template, project, operator, verb):
    """Whichever of the two is first, the other one waits for it and is refused."""
    schedule = scheduled()
    Schedule.objects.act(schedule.pk, "remove", by=operator)
    other = TicketTemplate.objects.create_template(project, TemplateSpec("other", "x"), by=operator)
    if verb == "edit":
        Schedule.objects.act(schedule.pk, "restore", by=operator)
        Schedule.objects.act(schedule.pk, "edit", by=operator, template=other)
    use = {
        "create": lambda: Schedule.objects.create_schedule(
            project, ScheduleSpec(template, "0 4 * * *"), by=operator
        ),
        "edit": lambda: Schedule.objects.act(schedule.pk, "edit", by=operator, template=template),
        "restore": lambda: Schedule.objects.act(schedule.pk, "restore", by=operator),
    }[verb]

    def remove():
        return TicketTemplate.objects.act(template.pk, "remove", by=operator)

    with meanwhile(use) as later:
        remove()
    with pytest.raises(Invalid, match=r"template nightly"):
        later.answer()
    TicketTemplate.objects.act(template.pk, "restore", by=operator)
    with meanwhile(remove) as later:
        use()
    with pytest.raises(TemplateInUse):
        later.answer()

    assert not Schedule.objects.kept().exclude(template__removed_at=None).exists()


def test_a_crash_between_the_run_and_its_ticket_leaves_neither(scheduled):
    """Its tasks wait for a lock when the clock's connection is ended."""
    schedule = scheduled()
    clock = Act(lambda: opens("2027-01-10T03:00Z"))
    with transaction.atomic():
        sql.rows("SELECT FROM tickets_lane LIMIT 1")
        sql.rows("LOCK TABLE tickets_task IN SHARE ROW EXCLUSIVE MODE")
        clock.start()
        assert clock.waits()
        with cluster.superuser(connection.settings_dict["NAME"]) as link:
            link.execute("SELECT pg_terminate_backend(%s, 5000)", [clock.backend])
    with pytest.raises(OperationalError):
        clock.answer()
    assert (ScheduleRun.objects.count(), Ticket.objects.count(), Task.objects.count()) == (0, 0, 0)

    opens("2027-01-10T03:00:05Z")

    assert told(schedule) == [("10 03:00", "opened", "")]
    assert (Ticket.objects.count(), Task.objects.count()) == (1, 1)
    assert Schedule.objects.get().next_at == at("2027-01-10T04:00Z")
