"""What a schedule opens, and what becomes of the runs that it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.models import Event, Member, Project
from omoi_site.errors import Forbidden, Invalid
from tests.factories import allow_workflow, complete
from tests.tickets.attention.conftest import listed
from tests.tickets.schedule.conftest import at, end, looked_at, newest, opens, titles, told
from tickets.models import Freeze, Schedule, ScheduleRun, ScheduleSpec, Task, Ticket, TicketTemplate, Workflow
from tickets.runtime.sweeps import SWEEPS

pytestmark = pytest.mark.django_db


def states(schedule):
    return [(when, state) for when, state, _ in told(schedule)]


def test_a_due_run_opens_one_ticket_with_its_tasks_and_says_so(scheduled, project):
    schedule = scheduled(timezone="Europe/Berlin")
    assert opens("2027-01-10T02:59:59Z") == 0

    assert opens("2027-01-10T03:00:02Z") == 1
    assert opens("2027-01-10T03:00:07Z") == 0

    assert told(schedule) == [("10 04:00", "opened", "")]
    assert titles() == ["Audit of 2027-01-10"]
    assert list(Task.objects.values_list("title", "state")) == [("Look at 2027-01-10", "pending")]
    opened = Event.objects.get(kind="ticket.opened")
    assert opened.reason == f"from the template nightly, by its schedule {schedule.pk}"
    assert opened.actor == "system:clock"
    [event] = Event.objects.filter(kind="schedule.run_opened", topic=project.topic)
    assert event.data == {"ticket": newest().key, "due_at": "2027-01-10T03:00:00Z"}
    assert Schedule.objects.get().next_at == at("2027-01-10T04:00Z")


def test_the_clock_runs_it(scheduled):
    scheduled("* * * * *", misfire="one")
    [sweep] = [sweep for sweep in SWEEPS if sweep.name == "open_due"]
    looked_at(Schedule.objects.get(), "2026-01-01T00:00Z")

    assert sweep.run() == 1

    assert len(titles()) == 1
    assert Schedule.objects.get().next_at > at("2026-11-01T00:00Z")


@pytest.mark.parametrize(
    ("misfire", "then"),
    [
        ("none", {"10 03:00": "skipped", "10 04:00": "skipped", "10 05:00": "skipped"}),
        ("one", {"10 03:00": "skipped", "10 04:00": "skipped", "10 05:00": "opened"}),
        ("all", {"10 03:00": "opened", "10 04:00": "owed", "10 05:00": "owed"}),
    ],
)
def test_down_over_three_runs(scheduled, operator, misfire, then):
    schedule = scheduled(overlap="queue", misfire=misfire)

    opens("2027-01-10T05:20Z")

    assert dict(states(schedule)) == then
    assert {why for _, state, why in told(schedule) if state == "skipped"} <= {"missed"}
    for minute in (30, 40, 50):  # of `all`, each is opened when the one before has ended
        for ticket in Ticket.objects.exclude(phase="CANCELLED"):
            end(ticket, operator)
        opens(f"2027-01-10T05:{minute}Z")
    assert len(titles()) == {"none": 0, "one": 1, "all": 3}[misfire]
    opens("2027-01-10T06:00:05Z")
    assert told(schedule)[-1][0] == "10 06:00", "and it goes on as before"


def test_a_run_that_is_in_time_is_opened_whatever_was_missed(scheduled):
    schedule = scheduled(misfire="none")

    opens("2027-01-10T04:00:30Z")

    assert told(schedule) == [("10 03:00", "skipped", "missed"), ("10 04:00", "opened", "")]


def test_after_a_long_time_only_the_last_hundred_are_opened(scheduled):
    schedule = scheduled("* * * * *", overlap="queue", misfire="all", since="2026-01-10T00:00Z")

    opens("2027-01-10T05:00Z")

    runs = told(schedule)
    assert len(runs) == 101
    assert runs[0] == ("10 00:01", "skipped", "dropped")
    assert runs[1] == ("10 03:21", "opened", "")
    assert [state for _, state, _ in runs[2:]] == ["owed"] * 99
    opens("2027-01-10T05:01:05Z")
    assert told(schedule)[-1] == ("10 05:01", "owed", "overlap")
    opens("2027-01-10T05:02:05Z")
    assert told(schedule)[-1] == ("10 05:02", "skipped", "dropped"), "no more than a hundred are owed"


@pytest.mark.parametrize(
    ("overlap", "state", "why", "first"),
    [
        ("skip", "skipped", "overlap", "TODO"),
        ("queue", "owed", "overlap", "TODO"),
        ("replace", "opened", "", "CANCELLED"),
    ],
)
def test_while_its_last_ticket_is_open(scheduled, operator, overlap, state, why, first):
    schedule = scheduled(overlap=overlap)
    opens("2027-01-10T03:00Z")
    before = newest()

    opens("2027-01-10T04:00Z")

    assert told(schedule)[-1] == ("10 04:00", state, why)
    assert Ticket.objects.get(pk=before.pk).phase == first
    if state != "opened":
        detail = ScheduleRun.objects.get(due_at=at("2027-01-10T04:00Z")).detail
        assert detail == f"{before.key} is still open"
        end(before, operator)
    opens("2027-01-10T04:00:30Z")
    assert len(titles()) == (1 if overlap == "skip" else 2)


def test_of_several_that_are_owed_only_the_last_replaces(scheduled):
    schedule = scheduled(overlap="replace", misfire="all")

    opens("2027-01-10T05:20Z")

    assert told(schedule) == [
        ("10 03:00", "skipped", "replaced"),
        ("10 04:00", "skipped", "replaced"),
        ("10 05:00", "opened", ""),
    ]


def test_a_run_of_a_full_project_is_owed_until_there_is_room(scheduled, project, operator, task, ada):
    Project.objects.act(project.pk, "edit", max_tickets=1, by=operator)
    schedule = scheduled(misfire="none")
    [claim] = Task.objects.claim(by=ada)

    opens("2027-01-10T03:00Z")
    opens("2027-01-10T04:00Z")

    assert told(schedule) == [("10 03:00", "owed", "full"), ("10 04:00", "skipped", "overlap")]
    run = ScheduleRun.objects.owed().get()
    assert run.detail == "OMO has 1 ticket at work, as many as it allows"
    complete(claim, by=ada)
    opens("2027-01-10T04:10Z")
    assert told(schedule)[0] == ("10 03:00", "opened", "")
    assert titles()[-1] == "Audit of 2027-01-10"


def test_a_full_phase_counts_too(scheduled, project, operator):
    phases = [
        {"name": "WORK", "to": ["DONE"], "wip": {"limit": 1}},
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "narrow", "phases": phases}))
    schedule = scheduled(overlap="queue")
    TicketTemplate.objects.act(schedule.template_id, "edit", workflow="narrow", by=operator)
    other = TicketTemplate.objects.open(schedule.template_id, {}, by=operator)

    opens("2027-01-10T03:00Z")
    assert told(schedule) == [("10 03:00", "owed", "full")]
    end(other, operator)
    opens("2027-01-10T03:10Z")

    assert told(schedule) == [("10 03:00", "opened", "")]


def test_a_ticket_that_is_replaced_makes_room(scheduled, project, operator, ada):
    phases = [
        {"name": "WORK", "to": ["DONE"], "wip": {"limit": 1}},
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "narrow", "phases": phases}))
    Project.objects.act(project.pk, "edit", max_tickets=1, by=operator)
    schedule = scheduled(overlap="replace")
    TicketTemplate.objects.act(schedule.template_id, "edit", workflow="narrow", by=operator)
    opens("2027-01-10T03:00Z")
    Task.objects.claim(by=ada)

    opens("2027-01-10T04:00Z")
    assert told(schedule) == [("10 03:00", "opened", ""), ("10 04:00", "opened", "")]
    assert [ticket.phase for ticket in Ticket.objects.order_by("pk")] == ["CANCELLED", "WORK"]

    # where another fills it, nothing is cancelled for nothing
    TicketTemplate.objects.open(schedule.template_id, {}, by=operator)
    opens("2027-01-10T05:00Z")
    assert told(schedule)[-1] == ("10 05:00", "owed", "full")
    assert [ticket.phase for ticket in Ticket.objects.order_by("pk")] == ["CANCELLED", "WORK", "WORK"]


def test_what_is_owed_for_long_needs_somebody(scheduled, project, operator):
    schedule = scheduled(overlap="queue")
    opens("2027-01-10T03:00Z")
    opens("2027-01-10T04:00Z")
    ScheduleRun.objects.owed().update(due_at=at("2026-01-10T04:00Z"))

    assert ("schedule_owed", "nightly") in listed(operator)

    end(Ticket.objects.get(), operator)
    opens("2027-01-10T04:10Z")
    assert "schedule_owed" not in [kind for kind, _ in listed(operator)]
    assert schedule.runs.filter(state="opened").count() == 2


@pytest.mark.parametrize(
    ("zone", "line", "night", "then"),
    [
        ("Europe/Berlin", "30 2 * * *", "2027-03-28T00:00Z", ["28 03:00"]),
        ("Europe/Berlin", "30 2 * * *", "2027-10-31T00:00Z", ["31 02:30"]),
        ("Europe/Berlin", "0 * * * *", "2027-03-28T00:00Z", ["28 01:00", "28 03:00", "28 04:00"]),
        ("Europe/Berlin", "0 * * * *", "2027-10-31T00:00Z", ["31 02:00", "31 02:00", "31 03:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T15:00Z", ["04 02:30"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2027-04-03T14:00Z", ["04 01:45"]),
    ],
)
def test_the_night_in_which_the_clocks_are_set(scheduled, zone, line, night, then):
    begin = at(night)
    schedule = scheduled(line, timezone=zone, overlap="replace", misfire="none")
    looked_at(schedule, (begin - timedelta(seconds=1)).isoformat())

    for minutes in range(0, 125, 5):
        opens((begin + timedelta(minutes=minutes)).isoformat())

    assert [(when, state) for when, state, _ in told(schedule)] == [(when, "opened") for when in then]
    assert len(titles()) == len(then)


@pytest.mark.parametrize("which", ["project", "everything", "paused"])
def test_what_is_stopped_opens_nothing_and_then_follows_its_policy(scheduled, project, operator, which):
    schedule = scheduled(overlap="queue", misfire="one")
    if which == "paused":
        Project.objects.act(project.pk, "pause", by=operator, reason="Holidays")
    else:
        Freeze.objects.freeze(project if which == "project" else None, by=operator, reason="It runs wild")
    for hour in ("03", "04", "05"):
        assert opens(f"2027-01-10T{hour}:00:01Z") == 0
    assert told(schedule) == []

    if which == "paused":
        Project.objects.act(project.pk, "resume", by=operator)
    else:
        Freeze.objects.thaw(project if which == "project" else None, by=operator)
    opens("2027-01-10T05:30Z")

    assert told(schedule) == [
        ("10 03:00", "skipped", "missed"),
        ("10 04:00", "skipped", "missed"),
        ("10 05:00", "opened", ""),
    ]


def test_what_cannot_be_opened_is_owed_and_says_why(scheduled, project, operator):
    schedule = scheduled()
    Project.objects.filter(pk=project.pk).update(workflow="gone")

    opens("2027-01-10T03:00Z")

    assert told(schedule) == [("10 03:00", "owed", "refused")]
    assert "gone" in ScheduleRun.objects.get().detail
    assert opens("2027-01-10T03:00:30Z") == 0, "it is tried again after a minute"
    Project.objects.filter(pk=project.pk).update(workflow="simple")
    opens("2027-01-10T03:01:30Z")
    assert told(schedule) == [("10 03:00", "opened", "")]


def test_switched_off_it_opens_nothing_and_owes_nothing(scheduled, operator):
    schedule = scheduled(overlap="queue")
    opens("2027-01-10T03:00Z")
    opens("2027-01-10T04:00Z")

    Schedule.objects.act(schedule.pk, "disable", by=operator)

    assert told(schedule)[-1] == ("10 04:00", "skipped", "disabled")
    assert opens("2029-01-10T05:00Z") == 0
    Schedule.objects.act(schedule.pk, "enable", by=operator)
    row = Schedule.objects.get()
    assert row.next_at == row.look_at is not None
    assert len(told(schedule)) == 2, "what was due meanwhile was not missed"


def test_a_removed_one_can_be_put_back_with_its_runs(scheduled, operator):
    schedule = scheduled()
    opens("2027-01-10T03:00Z")
    Schedule.objects.act(schedule.pk, "remove", by=operator)
    assert Schedule.objects.get().look_at is None
    with pytest.raises(Invalid, match="is removed"):
        Schedule.objects.run_now(schedule.pk, by=operator)

    Schedule.objects.act(schedule.pk, "restore", by=operator)

    row = Schedule.objects.get()
    assert (row.removed_at, row.runs.count()) == (None, 1)
    assert row.next_at == row.look_at is not None


def test_run_now_opens_at_once_and_leaves_the_next_run(scheduled, operator):
    schedule = scheduled()
    opens("2027-01-10T03:00Z")

    run = Schedule.objects.run_now(schedule.pk, by=operator)

    assert (run.by_hand, run.ticket.key, len(titles())) == (True, newest().key, 2)
    assert Schedule.objects.get().next_at == at("2027-01-10T04:00Z")


def test_rights(scheduled, project, template, operator, django_user_model):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.set(project, viewer, "viewer", by=operator)
    schedule = scheduled()
    acts = [
        lambda: Schedule.objects.create_schedule(project, ScheduleSpec(template, "@daily"), by=viewer),
        lambda: Schedule.objects.run_now(schedule.pk, by=viewer),
        lambda: TicketTemplate.objects.open(template.pk, {}, by=viewer),
        *(
            lambda verb=verb: Schedule.objects.act(schedule.pk, verb, by=viewer)
            for verb in ("edit", "enable", "disable", "remove", "restore")
        ),
        *(
            lambda verb=verb: TicketTemplate.objects.act(template.pk, verb, by=viewer)
            for verb in ("edit", "remove", "restore")
        ),
    ]

    for act in acts:
        with pytest.raises(Forbidden):
            act()
    assert titles() == []
