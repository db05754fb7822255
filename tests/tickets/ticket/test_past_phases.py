"""A task can be added to a phase only before its ticket has left it."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Event, Member
from omoi_site.errors import NotFound
from tests.factories import allow_workflow, fail
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile, race
from tests.support.waits import store_waits
from tickets.models import Link, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket.past_phases import PhaseLeft
from tickets.models.ticket.transitions import TransitionNotAllowed
from tickets.workflows.document import InvalidWorkflow

pytestmark = pytest.mark.django_db

TRIES = [50, pytest.param(100, marks=pytest.mark.full)]

PHASES = [
    {"name": "PLAN", "to": ["BUILD"]},
    {"name": "BUILD", "to": ["SHIP"]},
    {"name": "SHIP", "to": ["OUT"]},
    {"name": "OUT", "to": []},
]


@pytest.fixture
def building(project, operator):
    """A ticket in BUILD."""
    workflow = allow_workflow(project, Workflow.objects.install({"name": "four", "phases": PHASES}))
    made = Ticket.objects.open(project, TicketSpec("Ship it", workflow=workflow), by=operator)
    Ticket.objects.move(made.pk, "BUILD", by=operator)
    return Ticket.objects.select_related("workflow").get(pk=made.pk)


def go(ticket, *phases, by):
    for phase in phases:
        how = {"cause": "dependency"} if phase == "BLOCKED" else {}
        Ticket.objects.move(ticket.pk, phase, by=by, reason="so that it stands there", **how)


def now(ticket):
    return Ticket.objects.get(pk=ticket.pk)


@pytest.mark.parametrize("elsewhere", [(), ("BLOCKED",)])
def test_no_task_is_added_to_a_phase_its_ticket_has_left(building, operator, elsewhere):
    go(building, *elsewhere, by=operator)
    calls, path = api_of(operator), f"/tickets/{building.key}/tasks"

    refused = calls.post(
        path, {"tasks": [{"title": "Later", "phase": "SHIP"}, {"title": "Too late", "phase": "PLAN"}]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "phase_left")
    assert f"{building.key} has left Plan and is now in Build" in refused.json()["detail"]
    assert f"Send {building.key} back to Plan" in refused.json()["next_action"]
    assert not Task.objects.exists()

    assert (
        calls.post(path, {"tasks": [{"title": "Now"}, {"title": "Later", "phase": "SHIP"}]}).status_code
        == 201
    )
    assert list(Task.objects.order_by("pk").values_list("phase", flat=True)) == ["BUILD", "SHIP"]


def test_a_ticket_that_is_done_takes_no_task_and_is_followed_up_by_another(building, operator):
    go(building, "SHIP", "OUT", by=operator)
    calls = api_of(operator)
    for task in ({"title": "More"}, {"title": "More", "phase": "OUT"}, {"title": "More", "phase": "BUILD"}):
        refused = calls.post(f"/tickets/{building.key}/tasks", {"tasks": [task]})
        assert (refused.status_code, refused.json()["code"], refused.json()["follow_up"]) == (
            409,
            "phase_left",
            building.key,
        )
        assert "Open a new ticket" in refused.json()["next_action"]

    opened = calls.post(
        "/tickets",
        {"project": "OMO", "title": "More", "follow_up": building.key, "tasks": [{"title": "More"}]},
    )
    assert (opened.status_code, opened.json()["follow_up"]) == (201, building.key)
    assert Link.objects.get().kind == "follow_up"
    assert calls.get(f"/tickets/{building.key}").json()["follow_up"] is None
    assert calls.post("/tickets", {"project": "OMO", "title": "x", "follow_up": "OMO-99"}).status_code == 422


def test_nothing_is_retried_in_a_phase_its_ticket_has_left(building, operator, ada):
    old, new = Task.objects.add(building, [TaskSpec("old"), TaskSpec("new", phase="SHIP")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")
    go(building, "SHIP", by=operator)
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")

    with pytest.raises(PhaseLeft, match="has left Build and is now in Ship"):
        Task.objects.filter(pk=old.pk).retry(by=operator, reason="again")
    assert Task.objects.filter(ticket=building).retry(by=operator, reason="again") == [new.pk]

    go(building, "BUILD", by=operator)
    assert Task.objects.filter(pk=old.pk).retry(by=operator, reason="again") == [old.pk]


def test_nothing_is_retried_in_a_ticket_that_is_done(building, operator):
    [task] = Task.objects.add(building, [TaskSpec("given up", phase="SHIP")], by=operator)
    Task.objects.filter(pk=task.pk).cancel(by=operator, reason="not needed")
    go(building, "SHIP", "OUT", by=operator)

    answer = api_of(operator).post(f"/tasks/{task.pk}/retry", {"reason": "again"})
    assert (answer.status_code, answer.json()["code"]) == (409, "phase_left")


@pytest.mark.django_db(transaction=True)
def test_a_task_added_while_its_ticket_leaves_is_there_before_or_not_at_all(building, operator):
    with meanwhile(
        lambda: Task.objects.add(building, [TaskSpec("late", phase="BUILD")], by=operator)
    ) as adding:
        go(building, "SHIP", by=operator)
    with pytest.raises(PhaseLeft):
        adding.answer()


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tries", TRIES)
def test_no_ticket_is_done_with_a_task_open_however_they_race(project, operator, tries):
    workflow = allow_workflow(
        project,
        Workflow.objects.install(
            {"name": "two", "phases": [{"name": "DO", "to": ["OUT"]}, {"name": "OUT", "to": []}]}
        ),
    )
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"t{n}", workflow=workflow), by=operator)
        for n in range(tries)
    ]

    race(
        tries,
        lambda n: Task.objects.add(tickets[n], [TaskSpec("work")], by=operator),
        lambda n: Ticket.objects.move(tickets[n].pk, "OUT", by=operator),
    )

    assert not Ticket.objects.filter(phase="OUT", tasks__state__in=["pending", "claimed"]).exists()
    assert Ticket.objects.filter(phase="OUT").count() + Task.objects.count() == tries


@pytest.mark.parametrize("way", [("BLOCKED", "CANCELLED"), ("CANCELLED",)])
def test_a_ticket_that_is_cancelled_takes_no_task_until_it_is_reopened(building, operator, way):
    [task] = Task.objects.add(building, [TaskSpec("given up")], by=operator)
    go(building, *way, by=operator)
    calls = api_of(operator)

    for path, body in (
        (f"/tickets/{building.key}/tasks", {"tasks": [{"title": "More"}]}),
        (f"/tickets/{building.key}/tasks", {"tasks": [{"title": "More", "phase": "SHIP"}]}),
        (f"/tasks/{task.pk}/retry", {"reason": "again"}),
    ):
        refused = calls.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "phase_left")
        assert "is cancelled" in refused.json()["detail"]
        assert f"Reopen {building.key}" in refused.json()["next_action"]
    assert not Task.objects.open().exists()

    go(building, "BUILD", by=operator)
    assert calls.post(f"/tasks/{task.pk}/retry", {"reason": "again"}).status_code == 200
    assert calls.post(f"/tickets/{building.key}/tasks", {"tasks": [{"title": "More"}]}).status_code == 201


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tries", TRIES)
def test_no_ticket_is_cancelled_with_a_task_open_however_they_race(project, operator, tries):
    tickets = [Ticket.objects.open(project, TicketSpec(f"t{n}"), by=operator) for n in range(tries)]
    old = [Task.objects.add(ticket, [TaskSpec("old")], by=operator)[0] for ticket in tickets]
    Task.objects.filter(pk__in=[task.pk for task in old]).cancel(by=operator, reason="not now")

    race(
        tries,
        lambda n: Task.objects.add(tickets[n], [TaskSpec("work")], by=operator),
        lambda n: Task.objects.filter(pk=old[n].pk).retry(by=operator, reason="again"),
        lambda n: Ticket.objects.move(tickets[n].pk, "CANCELLED", by=operator, reason="given up"),
    )

    assert Ticket.objects.filter(phase="CANCELLED").count() == tries
    assert not Task.objects.open().exists()


def test_the_last_phase_has_no_work(building, operator):
    refused = api_of(operator).post(
        f"/tickets/{building.key}/tasks", {"tasks": [{"title": "Celebrate", "phase": "OUT"}]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "phase_left")
    assert f"{building.key} is done when it reaches Out" in refused.json()["detail"]

    for fault, phases in {
        "phases.1.tasks": [
            {"name": "DO", "to": ["OUT"]},
            {"name": "OUT", "to": [], "tasks": [{"title": "Celebrate"}]},
        ],
        "phases.0.automatic": [
            {"name": "DO", "to": ["OUT"], "automatic": "on_claim"},
            {"name": "OUT", "to": []},
        ],
    }.items():
        with pytest.raises(InvalidWorkflow) as refusal:
            Workflow.objects.install({"name": "odd", "phases": phases})
        assert [error["field"] for error in refusal.value.more["errors"]] == [fault]


def test_no_ticket_is_done_while_work_of_any_phase_is_open(building, operator):
    [ahead] = Task.objects.add(building, [TaskSpec("Celebrate", phase="SHIP")], by=operator)
    Task.objects.filter(pk=ahead.pk).update(phase="OUT")  # as it could be added once
    go(building, "SHIP", by=operator)

    with pytest.raises(TransitionNotAllowed, match="1 task of Out is still open"):
        go(building, "OUT", by=operator)

    Task.objects.filter(pk=ahead.pk).cancel(by=operator, reason="not needed")
    go(building, "OUT", by=operator)
    assert now(building).done


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("phase", ["BUILD", "SHIP"])
@pytest.mark.full
def test_a_task_added_while_its_ticket_is_done_is_there_before_or_not_at_all(project, operator, phase):
    """Also to a phase the ticket would pass over."""
    phases = [
        {"name": "BUILD", "to": ["SHIP", "OUT"]},
        {"name": "SHIP", "to": ["OUT"]},
        {"name": "OUT", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "short", "phases": phases}))
    tries = 50
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"t{n}", workflow=workflow), by=operator)
        for n in range(tries)
    ]

    race(
        tries,
        lambda n: Task.objects.add(tickets[n], [TaskSpec("work", phase=phase)], by=operator),
        lambda n: Ticket.objects.move(tickets[n].pk, "OUT", by=operator),
    )

    assert not Ticket.objects.filter(phase="OUT", tasks__state__in=["pending", "claimed"]).exists()
    assert Ticket.objects.filter(phase="OUT").count() + Task.objects.count() == tries


@pytest.mark.parametrize("end", ["OUT", "CANCELLED"])
def test_explain_is_not_silent_on_a_ticket_that_has_ended_with_work_open(building, operator, end):
    """Past the order by force, or from before it was refused."""
    [left] = Task.objects.add(building, [TaskSpec("left")], by=operator)
    if end == "CANCELLED":
        go(building, end, by=operator)
        Task.objects.filter(pk=left.pk).update(state="pending", ended_at=None)
    else:
        Ticket.objects.move(building.pk, end, by=operator, reason="it is not needed", force=True)

    told = Ticket.objects.explanation(now(building))
    word = "done" if end == "OUT" else "cancelled"
    assert (told["waiting_on"], told["causes"][-1]["what"]) == (
        "operator",
        f"it is {word}, and 1 task of it is still open",
    )
    store_waits()
    assert Ticket.objects.waiting_on("operator", limit=5) == ([building.pk], None)
    Task.objects.filter(pk=left.pk).cancel(by=operator, reason="not needed")
    nothing = {"waiting_on": None, "causes": [], "late": [], "on_failure": ""}
    assert Ticket.objects.explanation(now(building)) == nothing
    store_waits()
    assert Ticket.objects.waiting_on("operator", limit=5) == ([], None)


def test_a_follow_up_is_opened_on_the_page_of_a_ticket_that_is_done(building, operator, client):
    go(building, "SHIP", "OUT", by=operator)
    client.force_login(operator)
    assert "Open a follow-up" in client.get(f"/tickets/{building.key}/").content.decode()

    done = client.post(f"/tickets/{building.key}/follow-up/", {"reason": "Tell the customers"}, follow=True)
    assert done.status_code == 200
    opened = Ticket.objects.get(title="Tell the customers")
    assert list(opened.links.values_list("other__key", "kind")) == [(building.key, "follow_up")]
    for ticket, other, words in ((building, opened, "Followed up by"), (opened, building, "Follow-up of")):
        page = client.get(f"/tickets/{ticket.key}/").content.decode()
        assert words in page
        assert f'href="/tickets/{other.key}/"' in page


def test_the_journal_of_both_tickets_tells_of_a_follow_up(building, operator):
    go(building, "SHIP", "OUT", by=operator)

    opened = Ticket.objects.open(
        building.project, TicketSpec("Tell the customers", follow_up=now(building)), by=operator
    )

    told = Event.objects.filter(kind__in=["ticket.opened", "ticket.followed_up"]).order_by("pk")
    assert [(event.topic, event.kind, event.data) for event in told][1:] == [
        (building.topic, "ticket.followed_up", {"ticket": opened.key}),
        (
            opened.topic,
            "ticket.opened",
            {"title": "Tell the customers", "phase": opened.phase, "follow_up": building.key},
        ),
    ]


def test_a_follow_up_needs_the_right_to_write(building, django_user_model):
    """Nothing of it is left where the right lacks, on either ticket."""
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.create(project=building.project, user=viewer, role="viewer")
    before = Event.objects.filter(topic=building.topic).count()

    answer = api_of(viewer).post("/tickets", {"project": "OMO", "title": "More", "follow_up": building.key})

    assert (answer.status_code, Ticket.objects.count()) == (403, 1)
    assert Event.objects.filter(topic=building.topic).count() == before


def test_a_command_opens_a_follow_up(building, operator, capsys):
    go(building, "SHIP", "OUT", by=operator)

    call_command("tickets", "open", "omo", "More", "--follow-up", building.key.lower(), "--json")

    made = json.loads(capsys.readouterr().out)
    assert made["follow_up"] == building.key
    assert Link.objects.get().ticket.key == made["key"]
    with pytest.raises(NotFound, match="no ticket OMO-99"):
        call_command("tickets", "open", "OMO", "More", "--follow-up", "OMO-99", "--json")
    assert Ticket.objects.count() == 2
