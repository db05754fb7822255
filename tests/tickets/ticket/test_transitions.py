"""Moves of a ticket: the allowed ones, what happens to its tasks, and automatic moves."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from omoi_site.errors import Invalid
from tests.factories import allow_workflow, complete, fail, lapse
from tests.support.api_client import api_of
from tickets.models import ClaimLost, Task, TaskSpec, Ticket, TicketSpec, TransitionNotAllowed, Workflow

pytestmark = pytest.mark.django_db

THREE = {
    "name": "three",
    "phases": [
        {"name": "PLAN", "to": ["BUILD"]},
        {"name": "BUILD", "to": ["SHIP"], "automatic": "on_completion"},
        {"name": "SHIP", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ],
}


@pytest.fixture
def build(project, operator):
    """A ticket in BUILD of a workflow that moves on from there by itself, with one task."""
    made = Ticket.objects.open(
        project,
        TicketSpec("Ship it", workflow=allow_workflow(project, Workflow.objects.install(THREE))),
        by=operator,
    )
    move(made, "advance", by=operator)
    made.refresh_from_db()
    Task.objects.add(made, [TaskSpec("Build")], by=operator)
    return made


def move(ticket, verb, *args, **how):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        getattr(locked, verb)(*args, **how)
    return phase(ticket)


def phase(ticket):
    return Ticket.objects.get(pk=ticket.pk).phase


def settle_down(ticket):
    """Every automatic move that is due has been made."""
    Ticket.objects.advance_due()
    return phase(ticket)


def test_a_ticket_does_not_leave_a_phase_with_open_tasks(build, operator):
    with pytest.raises(TransitionNotAllowed, match="still open"):
        move(build, "advance", by=operator)


def test_sending_back_takes_claims_away_and_holds_the_rest(build, operator, ada):
    [claim] = Task.objects.claim(by=ada)

    assert move(build, "send_back", "PLAN", by=operator, reason="unclear") == "PLAN"

    task = build.tasks.get()
    assert (task.state, task.held, task.attempts) == ("pending", True, 0)
    with pytest.raises(ClaimLost):
        complete(claim, by=ada)
    assert Task.objects.claim(by=ada) == []


def test_a_block_lets_claims_run_on_and_grants_none(build, operator, ada, bob):
    Task.objects.add(build, [TaskSpec("More")], by=operator)
    [claim] = Task.objects.claim(by=ada)

    assert move(build, "block", by=operator, reason="no network", cause="environment") == "BLOCKED"

    assert Task.objects.claim(by=bob) == []
    assert complete(claim, by=ada).state == "completed"
    assert move(build, "unblock", by=operator) == "BUILD"
    assert len(Task.objects.claim(by=bob)) == 1


@pytest.mark.parametrize("how", [{}, {"cause": ""}, {"cause": "mood"}])
def test_a_block_needs_a_class(build, operator, how):
    with pytest.raises(Invalid, match="one of dependency, clarification, failing_checks, environment"):
        move(build, "block", by=operator, reason="no network", **how)
    assert phase(build) == "BUILD"


@pytest.mark.parametrize("reason", ["", "...", "42", "?!"])
def test_a_block_says_in_words_what_it_waits_for(build, operator, reason):
    with pytest.raises(Invalid, match="say what it waits for, in words"):
        move(build, "block", by=operator, reason=reason, cause="environment")
    assert phase(build) == "BUILD"


def test_a_blocked_ticket_returns_to_where_it_was_or_earlier(build, operator):
    move(build, "block", by=operator, reason="no network", cause="environment")
    with pytest.raises(TransitionNotAllowed):
        move(build, "unblock", "SHIP", by=operator)
    assert move(build, "unblock", "PLAN", by=operator) == "PLAN"


@pytest.mark.parametrize("way", ["unblock", "force"])
def test_leaving_the_phase_it_was_blocked_in_takes_its_claims_away(build, operator, ada, way):
    [claim] = Task.objects.claim(by=ada)
    move(build, "block", by=operator, reason="no network", cause="environment")

    move(build, way, "PLAN", by=operator, reason="start over with another plan")

    with pytest.raises(ClaimLost):
        complete(claim, by=ada)


def test_cancelling_cancels_every_open_task_and_reopening_leaves_them(build, operator, ada):
    Task.objects.add(build, [TaskSpec("Ship", phase="SHIP")], by=operator)
    [claim] = Task.objects.claim(by=ada)

    assert move(build, "cancel", by=operator, reason="not wanted") == "CANCELLED"

    assert set(build.tasks.values_list("state", flat=True)) == {"cancelled"}
    with pytest.raises(ClaimLost):
        complete(claim, by=ada)
    assert move(build, "reopen", by=operator, reason="wanted again") == "BUILD"
    assert settle_down(build) == "BUILD"
    assert Task.objects.filter(ticket=build).retry(by=operator, reason="wanted again")
    assert len(Task.objects.claim(by=ada)) == 1


def test_done_is_the_end(ticket, operator):
    assert move(ticket, "advance", by=operator) == "DONE"
    for verb, how in (
        ("cancel", {}),
        ("block", {}),
        ("send_back", {"to": "TODO"}),
        ("force", {"to": "TODO"}),
        ("reopen", {"to": "TODO"}),
    ):
        with pytest.raises(TransitionNotAllowed):
            move(ticket, verb, by=operator, reason="this has to go back", **how)


def test_a_forced_move_needs_a_reason_of_ten_characters(build, operator):
    with pytest.raises(Invalid, match="10 characters"):
        move(build, "force", "DONE", by=operator, reason="because")
    with pytest.raises(Invalid, match="10 characters"):
        Ticket.objects.open(
            build.project, TicketSpec("Late", workflow=build.workflow, phase="SHIP"), by=operator
        )
    assert move(build, "force", "DONE", by=operator, reason="released by hand") == "DONE"


def test_a_phase_moves_on_when_its_tasks_ended_well(build, operator, ada):
    assert settle_down(build) == "BUILD"
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert settle_down(build) == "SHIP"


def test_a_phase_with_a_failed_task_stays(build, operator, ada):
    build.tasks.update(max_attempts=1)
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada)
    assert settle_down(build) == "BUILD"


def test_a_phase_whose_only_task_was_cancelled_stays(build, operator):
    build.tasks.all().cancel(by=operator, reason="not wanted")
    assert settle_down(build) == "BUILD"


def test_a_ticket_sent_back_does_not_run_forward_by_itself(build, operator, ada):
    complete(Task.objects.claim(by=ada)[0], by=ada)
    assert settle_down(build) == "SHIP"
    move(build, "send_back", "BUILD", by=operator, reason="broken")
    assert settle_down(build) == "BUILD"

    Task.objects.add(build, [TaskSpec("Mend")], by=operator)
    complete(Task.objects.claim(by=ada)[0], by=ada)

    assert settle_down(build) == "SHIP"


def test_a_simple_ticket_sent_back_waits_for_the_next_claim(project, operator, ada):
    made = Ticket.objects.open(project, TicketSpec("Fix it", tasks=[TaskSpec("Fix it")]), by=operator)
    Task.objects.claim(by=ada)
    assert settle_down(made) == "DOING"
    move(made, "send_back", "TODO", by=operator, reason="not now")
    assert settle_down(made) == "TODO"

    Task.objects.claim(by=ada)

    assert settle_down(made) == "DOING"


def test_a_simple_ticket_blocked_before_its_move_goes_on_afterwards(project, operator, ada):
    made = Ticket.objects.open(project, TicketSpec("Fix it", tasks=[TaskSpec("Fix it")]), by=operator)
    [claim] = Task.objects.claim(by=ada)
    move(made, "block", by=operator, reason="no network", cause="environment")
    complete(claim, by=ada)
    move(made, "unblock", by=operator)
    assert settle_down(made) == "DONE"


def test_a_paused_ticket_grants_nothing_and_stays(build, operator, ada):
    move(build, "pause", by=operator)
    assert Task.objects.claim(by=ada) == []
    move(build, "resume", by=operator)
    assert len(Task.objects.claim(by=ada)) == 1


@pytest.mark.parametrize(
    "give_back",
    [
        lambda claim, ada: Task.objects.release(claim.task, claim.fence, by=ada),
        lambda claim, ada: Task.objects.filter(pk=claim.task).revoke(by="system:test"),
        lambda claim, ada: lapse(claim),
    ],
    ids=["released", "revoked", "lapsed"],
)
def test_a_claim_given_back_is_not_hidden_below_its_lanes_floor(build, operator, ada, give_back):
    Task.objects.add(build, [TaskSpec("Later")], by=operator)
    [first] = Task.objects.claim(by=ada)
    Task.objects.raise_floors()

    give_back(first, ada)

    assert first.task in [claim.task for claim in Task.objects.claim(by=ada, limit=2)]


ARCHIVED = {
    "advance": lambda calls, at: calls.post(f"{at}/transitions", {"to": "SHIP"}),
    "send back": lambda calls, at: calls.post(f"{at}/transitions", {"to": "PLAN", "reason": "again"}),
    "block": lambda calls, at: calls.post(
        f"{at}/transitions", {"to": "BLOCKED", "class": "clarification", "reason": "waits"}
    ),
    "cancel": lambda calls, at: calls.post(f"{at}/transitions", {"to": "CANCELLED", "reason": "no"}),
    "force": lambda calls, at: calls.post(
        f"{at}/transitions", {"to": "SHIP", "force": True, "reason": "because I say so"}
    ),
}


@pytest.mark.parametrize("move", ARCHIVED)
def test_an_archived_ticket_does_not_move_until_it_is_restored(build, operator, move):
    build.tasks.all().cancel(by=operator, reason="not needed")
    calls, at = api_of(operator), f"/tickets/{build.key}"
    assert calls.post(f"{at}/archive", {"reason": "not this year"}).status_code == 200
    assert calls.get(f"{at}/transitions").json() == []

    refused = ARCHIVED[move](calls, at)
    assert (refused.status_code, refused.json()["code"]) == (409, "transition_not_allowed")
    assert "archived" in refused.json()["detail"]
    assert phase(build) == "BUILD"

    assert calls.post(f"{at}/restore", {}).status_code == 200
    assert ARCHIVED[move](calls, at).status_code == 200


def test_the_database_itself_keeps_an_archived_ticket_where_it_is(build, operator):
    Ticket.objects.act(build.pk, "archive", by=operator)
    with pytest.raises(IntegrityError, match="archived"), transaction.atomic():
        Ticket.objects.filter(pk=build.pk).update(phase="SHIP")
