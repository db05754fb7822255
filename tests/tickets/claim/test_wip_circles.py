"""A full phase whose tickets need work that waits for room in it: a person is told."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec
from tests.factories import complete
from tests.support.waits import store_waits
from tests.support.wip_scene import opened, phase_of, reviewing
from tests.tickets.claim.test_wip import cause, granted, in_review
from tickets.models import Task, TaskSpec, Ticket
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hands(project, operator):
    return Agent.objects.register(AgentSpec("hands", capacity=100), projects=[project], by=operator)


def needs_what_waits(tickets, left, operator):
    """Each of the tickets in review has a task that needs, over another one, the work of the one that is
    left.
    """
    [last] = left.tasks.all()
    for ticket in tickets:
        [first] = Task.objects.add(ticket, [TaskSpec("compare", needs=[NeedSpec(last.pk)])], by=operator)
        Task.objects.add(ticket, [TaskSpec("review", needs=[NeedSpec(first.pk)])], by=operator)
    return last


def test_a_person_ends_a_circle_of_held_work_and_the_full_phase_that_needs_it(project, operator, hands):
    tickets, left = in_review(project, operator, hands, 2, limit=2, holds=["MAKE"])
    last = needs_what_waits(tickets[:1], left, operator)
    Task.objects.add(tickets[1], [TaskSpec("review")], by=operator)
    assert cause(last)["who"] == f"ticket:{tickets[0].key}"  # the other one makes room
    [claim] = Task.objects.claim(by=hands)
    complete(claim, by=hands)
    assert cause(last)["who"] == "operator"

    needs_what_waits(tickets[1:], left, operator)

    said = cause(last)
    assert (said["code"], said["who"]) == ("review_full", "operator")
    assert said["what"] == (
        "work of Make waits: Review is full, with 2 tickets, and waits for itself: each ticket there needs"
        " work that waits for room"
    )
    assert said["how"].startswith(f"Move {tickets[0].key} back out of Review, or remove what it needs")
    store_waits()
    assert last.pk in Task.objects.waiting_on("operator", limit=9)[0]
    Ticket.objects.move(tickets[0].pk, "MAKE", by=operator, reason="what it needs comes first")
    assert granted(hands) == [left.key]


def test_a_person_ends_a_circle_of_tickets_that_wait_for_room(project, operator, hands):
    workflow = reviewing(project, limit=1)
    inside, outside = opened(project, workflow, 2, by=operator)
    for claim in Task.objects.claim(by=hands, limit=2):
        complete(claim, by=hands)
    Ticket.objects.advance_due()
    if phase_of(inside) == "MAKE":
        inside, outside = outside, inside
    [late] = Task.objects.add(outside, [TaskSpec("review", phase="REVIEW")], by=operator)
    Task.objects.add(inside, [TaskSpec("review", needs=[NeedSpec(late.pk)])], by=operator)

    said = Ticket.objects.explanation(outside)["causes"][0]

    assert (said["code"], said["who"]) == ("review_full", "operator")
    assert "waits for itself" in said["what"]
    assert inside.key in said["how"]


def test_what_a_blocked_ticket_has_left_there_waits_for_no_room(project, operator, hands):
    workflow = reviewing(project, limit=1)
    tickets = opened(project, workflow, 3, by=operator)
    for claim in Task.objects.claim(by=hands, limit=3):
        complete(claim, by=hands)
    Ticket.objects.advance_due()
    tickets.sort(key=lambda ticket: phase_of(ticket) == "MAKE")
    inside, blocked, outside = tickets
    [late] = Task.objects.add(blocked, [TaskSpec("review", phase="REVIEW")], by=operator)
    Task.objects.add(inside, [TaskSpec("review", needs=[NeedSpec(late.pk)])], by=operator)
    with Ticket.objects.locked(pk=blocked.pk) as row:
        row.block(by=operator, reason="keys are missing", cause="dependency")

    said = Ticket.objects.explanation(outside)["causes"][0]

    assert (said["code"], said["who"]) == ("review_full", f"ticket:{inside.key}")


def test_what_can_be_met_otherwise_is_no_circle(project, operator, hands):
    [first], left = in_review(project, operator, hands, limit=1, holds=["MAKE"])
    [last] = left.tasks.all()
    [other] = Task.objects.add(first, [TaskSpec("look")], by=operator)
    either = TaskSpec("review", needs=[NeedSpec(last.pk), NeedSpec(other.pk)], join=1)
    Task.objects.add(first, [either], by=operator)

    assert cause(last)["who"] == f"ticket:{first.key}"
