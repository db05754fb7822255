"""The admin and the API call the same verbs: the same act writes the same events, refused or done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from agents.models import Event, Member, Project, ProjectSpec
from tests.factories import allow_workflow, complete, fail
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "it was agreed on the phone"


def moved(*phases: str, **how: Any) -> Callable[..., None]:
    def move(ticket: Ticket, operator: Any) -> None:
        for phase in phases:
            Ticket.objects.move(ticket.pk, phase, by=operator, reason=REASON, **how)

    return move


UNCHANGED = ("pause the paused", "archive the archived", "restore what is there")


def archived(ticket: Ticket, operator: Any) -> None:
    Ticket.objects.act(ticket.pk, "archive", by=operator)


def paused(ticket: Ticket, operator: Any) -> None:
    Ticket.objects.act(ticket.pk, "pause", by=operator, reason=REASON)


def with_a_task(ticket: Ticket, operator: Any) -> None:
    moved("DOING")(ticket, operator)
    Task.objects.add(ticket, [TaskSpec("Open")], by=operator)


def nothing(ticket: Ticket, operator: Any) -> None:
    pass


# What the ticket (of `simple`, in TODO) went through before; the admin's action; the API's route and body.
TICKET_ACTS = {
    "advance": (nothing, "advance_tickets", "transitions", {"to": "DOING"}),
    "advance past open tasks": (with_a_task, "advance_tickets", "transitions", {"to": "DONE"}),
    "advance from the end": (moved("DOING", "DONE"), "advance_tickets", "transitions", {"to": "DONE"}),
    "send back": (moved("DOING"), "send_tickets_back", "transitions", {"to": "TODO"}),
    "send back from the first": (nothing, "send_tickets_back", "transitions", {"to": "TODO"}),
    "block": (nothing, "block_tickets", "transitions", {"to": "BLOCKED", "class": "clarification"}),
    "block the done": (
        moved("DOING", "DONE"),
        "block_tickets",
        "transitions",
        {"to": "BLOCKED", "class": "clarification"},
    ),
    "block the archived": (
        archived,
        "block_tickets",
        "transitions",
        {"to": "BLOCKED", "class": "clarification"},
    ),
    "unblock": (moved("BLOCKED", cause="clarification"), "unblock_tickets", "transitions", {"to": "TODO"}),
    "unblock the unblocked": (nothing, "unblock_tickets", "transitions", {"to": "TODO"}),
    "cancel": (moved("DOING"), "cancel_tickets", "transitions", {"to": "CANCELLED"}),
    "cancel the done": (moved("DOING", "DONE"), "cancel_tickets", "transitions", {"to": "CANCELLED"}),
    "reopen": (moved("DOING", "CANCELLED"), "reopen_tickets", "transitions", {"to": "DOING"}),
    "reopen the open": (nothing, "reopen_tickets", "transitions", {"to": "TODO"}),
    "pause": (nothing, "pause_tickets", "pause", {}),
    "pause the paused": (paused, "pause_tickets", "pause", {}),
    "resume": (paused, "resume_tickets", "resume", {}),
    "archive": (nothing, "archive_tickets", "archive", {}),
    "archive the archived": (archived, "archive_tickets", "archive", {}),
    "restore": (archived, "restore_tickets", "restore", {}),
    "restore what is there": (nothing, "restore_tickets", "restore", {}),
}


@pytest.fixture
def doors(client, operator, project):
    client.force_login(operator)
    return client, api_of(operator)


def act_in_admin(client: Any, row: Any, action: str, *, follow: bool = True) -> Any:
    address = reverse(f"admin:tickets_{row._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [row.pk], "reason": REASON, "cause": "clarification"}
    return client.post(address, chosen, follow=follow)


def events_of(ticket: Ticket, after: int) -> list[tuple[Any, ...]]:
    """Kind and data of what happened, without what differs between two rows anyway."""
    own = {"verdict", "held_s"}
    return [
        (event.kind, {name: value for name, value in event.data.items() if name not in own})
        for event in Event.objects.filter(topic=ticket.topic, pk__gt=after).order_by("pk")
    ]


def newest() -> int:
    return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


@pytest.mark.parametrize("name", TICKET_ACTS)
def test_an_act_on_a_ticket_leaves_the_same_events_by_either_door(doors, project, operator, name):
    (admin, api), (before, action, route, body) = doors, TICKET_ACTS[name]
    left = []
    for act in (
        lambda ticket: act_in_admin(admin, ticket, action),
        lambda ticket: api.post(f"/tickets/{ticket.key}/{route}", {**body, "reason": REASON}),
    ):
        ticket = Ticket.objects.open(project, TicketSpec("Twin"), by=operator)
        before(ticket, operator)
        last = newest()
        act(ticket)
        left.append(events_of(ticket, last))

    assert left[0] == left[1]
    assert left[0] or name in UNCHANGED, "neither door was used"


def test_a_closed_gate_refuses_both_doors_with_its_verdict(doors, project, operator):
    admin, api = doors
    workflow = allow_workflow(project, "software_delivery")
    left = []
    for act in (
        lambda ticket: act_in_admin(admin, ticket, "advance_tickets"),
        lambda ticket: api.post(f"/tickets/{ticket.key}/transitions", {"to": "DESIGN", "reason": REASON}),
    ):
        ticket = Ticket.objects.open(project, TicketSpec("Twin", workflow=workflow), by=operator)
        moved("REQUIREMENTS")(ticket, operator)
        last = newest()
        act(ticket)
        left.append(events_of(ticket, last))
        assert Ticket.objects.get(pk=ticket.pk).phase == "REQUIREMENTS"

    assert left[0] == left[1]
    assert [kind for kind, _ in left[0]] == ["gate.judged", "ticket.move_refused"]
    assert left[0][1][1]["code"] == "gate_closed"


def test_who_may_not_is_refused_by_both_doors(client, project, operator, django_user_model):
    """Staff with all of Django's permissions, who only look on in this project and work in another."""
    sam = django_user_model.objects.create_user("sam", is_staff=True)
    sam.user_permissions.set(Permission.objects.all())
    Member.objects.create(project=project, user=sam, role="viewer")
    other = Project.objects.create_project(ProjectSpec("ELSE", workflow="simple"), by=operator)
    Member.objects.create(project=other, user=sam, role="operator")
    client.force_login(sam)
    api, left = api_of(sam), []
    for act in (
        lambda ticket: act_in_admin(client, ticket, "block_tickets"),
        lambda ticket: api.post(
            f"/tickets/{ticket.key}/transitions",
            {"to": "BLOCKED", "class": "clarification", "reason": REASON},
        ),
    ):
        ticket = Ticket.objects.open(project, TicketSpec("Twin"), by=operator)
        last = newest()
        act(ticket)
        left.append(events_of(ticket, last))

    assert left[0] == left[1]
    refused = {"from": "TODO", "to": "BLOCKED", "code": "forbidden", "unmet": []}
    assert left[0] == [("ticket.move_refused", refused)]
    page = act_in_admin(client, ticket, "pause_tickets").content.decode()
    assert "needs the scope tickets:write" in page
    assert not Ticket.objects.filter(paused=True).exists()


@pytest.mark.parametrize("state", ["pending", "claimed", "completed", "failed", "cancelled"])
@pytest.mark.parametrize(
    ("action", "route"), [("cancel_tasks", "cancellation"), ("retry_tasks", "retry"), ("bump_tasks", "bump")]
)
def test_an_act_on_a_task_leaves_the_same_events_by_either_door(
    doors, ticket, ada, operator, state, action, route
):
    admin, api = doors
    left, answers = [], []
    for act in (
        lambda task: act_in_admin(admin, task, action).content.decode(),
        lambda task: api.post(f"/tasks/{task.pk}/{route}", {"reason": REASON}),
    ):
        [task] = Task.objects.add(ticket, [TaskSpec("Twin")], by=operator)
        bring(task, state, ada, operator)
        last = newest()
        answers.append(act(task))
        left.append(events_of(ticket, last))

    assert left[0] == left[1]
    page, answer = answers
    assert ("1 of 1 done" in page) == (answer.status_code == 200)
    assert bool(left[0]) == (answer.status_code == 200)
    if answer.status_code == 409:
        assert answer.json()["detail"].partition(": ")[2] in page


def bring(task: Task, state: str, ada: Any, operator: Any) -> None:
    """Let the task come to this state."""
    if state == "pending":
        return
    if state == "cancelled":
        Task.objects.filter(pk=task.pk).cancel(by=operator, reason=REASON)
        return
    [claim] = [claim for claim in Task.objects.claim(by=ada, limit=5) if claim.task == task.pk]
    if state == "completed":
        complete(claim, by=ada)
    elif state == "failed":
        fail(claim, by=ada, kind="permanent")


def test_the_page_of_a_move_says_which_tickets_cannot_make_it(doors, project, operator):
    admin, _ = doors
    free, done = (Ticket.objects.open(project, TicketSpec(title), by=operator) for title in ("free", "done"))
    moved("DOING", "DONE")(done, operator)
    with_a_task(free, operator)

    chosen = {"action": "advance_tickets", "_selected_action": [free.pk, done.pk]}
    page = admin.post(reverse("admin:tickets_ticket_changelist"), chosen).content.decode()

    assert f"{done.key}: not possible in Done" in page
    assert f"{free.key}: complete or cancel them first" in page
