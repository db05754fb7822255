"""Templates: what they may say, and the tickets that are opened of them."""

from __future__ import annotations

import pytest

from agents.models import Event
from omoi_site.errors import Invalid
from tests.tickets.schedule.conftest import at, titles
from tickets.models import Schedule, ScheduleSpec, Task, TaskSpec, TemplateSpec, Ticket, TicketTemplate
from tickets.models.schedule.ticket_template import TemplateInUse
from tickets.models.schedule.variables import Variable
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def create(project, operator, name="release", title="Release", **more):
    return TicketTemplate.objects.create_template(project, TemplateSpec(name, title, **more), by=operator)


@pytest.fixture
def release(project, operator):
    return create(
        project,
        operator,
        title="Release {version} of {date}",
        description="{{version}} stands for {version}. {notes}",
        priority=1,
        labels=["release"],
        acceptance=["{version} is out"],
        tasks=[
            TaskSpec("Build {version}", ref="build", capabilities=["python"]),
            TaskSpec("Ship {version}", needs=[NeedSpec("build")], phase="DOING"),
        ],
        variables=[Variable("version", "Which version"), Variable("notes", default="No notes.")],
    )


def test_a_ticket_is_opened_with_values_in_its_texts(release, operator):
    given = {"version": "1.2 {date}"}

    ticket = TicketTemplate.objects.open(release.pk, given, by=operator, at=at("2027-01-10T03:00+01:00"))

    assert ticket.title == "Release 1.2 {date} of 2027-01-10", "what was inserted is not searched again"
    assert ticket.description == "{version} stands for 1.2 {date}. No notes."
    assert (ticket.priority, ticket.labels) == (1, ["release"])
    assert ticket.acceptance[0]["text"] == "1.2 {date} is out"
    build, ship = Task.objects.order_by("pk")
    assert (build.title, build.capabilities) == ("Build 1.2 {date}", ["python"])
    assert (ship.title, ship.open_needs) == ("Ship 1.2 {date}", 1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "variables.version: fill this in"),
        ({"version": "\u200b"}, "variables.version: fill this in"),
        ({"version": "1", "other": "x"}, "variables.other: there is no such variable"),
        ({"version": "x" * 2001}, "at most 2000 characters"),
        ({"version": "x" * 400}, "title"),
    ],
)
def test_values_that_cannot_be(release, operator, given, why):
    with pytest.raises(Invalid, match=why):
        TicketTemplate.objects.open(release.pk, given, by=operator)
    assert titles() == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"title": ""}, "title"),
        ({"title": "Of {day}"}, "title: there is no variable day; there are date, time, week, month, year"),
        ({"name": "Not a name"}, "name"),
        ({"workflow": "gone"}, "gone"),
        ({"tasks": [TaskSpec("x", phase="NOWHERE")]}, "tasks.0.phase: NOWHERE is not a phase"),
        ({"tasks": [TaskSpec("x", profile="rm")]}, "tasks.0.profile"),
        ({"tasks": [TaskSpec("x", needs=[NeedSpec("y")])]}, "tasks.0.needs.0"),
        ({"tasks": [TaskSpec("x", needs=[NeedSpec(7)])]}, "tasks.0.needs.0"),
        ({"tasks": [TaskSpec("x", deadline=at("2027-01-01T00:00Z"))]}, "tasks.0.deadline"),
        ({"tasks": [TaskSpec(f"{n}") for n in range(201)]}, "at most 200 tasks"),
        ({"variables": [Variable("date")]}, "variables.0.name: date is always there"),
        ({"variables": [Variable("a"), Variable("a")]}, "variables.1.name: a appears twice"),
        ({"variables": [Variable("A b")]}, "variables.0.name"),
    ],
)
def test_what_no_ticket_could_be_is_refused_at_once(project, operator, more, why):
    with pytest.raises(Invalid, match=why):
        create(project, operator, **more)

    assert TicketTemplate.objects.count() == Ticket.objects.count() == 0
    assert not Event.objects.filter(kind="ticket.birth_refused").exists()
    project.refresh_from_db()
    assert project.tickets_made == 0, "trying it out takes no number"


def test_an_edit_is_tried_out_and_a_name_is_there_once(release, project, operator):
    create(project, operator, name="other")

    with pytest.raises(Invalid, match="there is no variable day"):
        TicketTemplate.objects.act(release.pk, "edit", title="{day}", by=operator)
    with pytest.raises(Invalid, match="has a template other already"):
        TicketTemplate.objects.act(release.pk, "edit", name="other", by=operator)
    with pytest.raises(Invalid, match="has a template other already"):
        create(project, operator, name="other")
    TicketTemplate.objects.act(release.pk, "edit", title="Again {version}", by=operator)

    assert TicketTemplate.objects.get(pk=release.pk).title == "Again {version}"


def test_one_that_a_schedule_uses_stays(release, project, operator):
    with pytest.raises(Invalid, match=r"variables\.version: fill this in"):
        Schedule.objects.create_schedule(project, ScheduleSpec(release, "@daily"), by=operator)
    spec = ScheduleSpec(release, "@daily", variables={"version": "next"})
    schedule = Schedule.objects.create_schedule(project, spec, by=operator)

    with pytest.raises(TemplateInUse, match="1 schedule opens tickets of release"):
        TicketTemplate.objects.act(release.pk, "remove", by=operator)

    Schedule.objects.act(schedule.pk, "remove", by=operator)
    TicketTemplate.objects.act(release.pk, "remove", by=operator)
    with pytest.raises(Invalid, match="is removed"):
        TicketTemplate.objects.open(release.pk, {"version": "1"}, by=operator)
    create(project, operator)
    with pytest.raises(Invalid, match="has a template release already"):
        TicketTemplate.objects.act(release.pk, "restore", by=operator)
