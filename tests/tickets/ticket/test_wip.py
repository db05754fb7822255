"""`wip` of a phase: how many tickets stand in it, and what moves wait while it is full."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, Key
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.factories import allow_workflow, complete, decide, submit
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile, race
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tests.support.wip_scene import opened, phase_of, reviewing, standing
from tickets.models import Freeze, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket import limited_moves
from tickets.models.ticket.room import PhaseFull

pytestmark = pytest.mark.django_db(transaction=True)


def worker(project, operator, name="hands", **more):
    return Agent.objects.register(AgentSpec(name, **more), projects=[project], by=operator)


def due(project, operator, count, **wip):
    """Tickets whose work in MAKE is done, in this order."""
    hands = worker(project, operator, capacity=100)
    tickets = opened(project, reviewing(project, **wip), count, by=operator)
    claims = {claim.ticket_id: claim for claim in Task.objects.claim(by=hands, limit=count)}
    for ticket in tickets:
        complete(claims[ticket.pk], by=hands)
    return tickets


def move(ticket, to, *, by, **how):
    return Ticket.objects.move(ticket.pk, to, by=by, **how)


@sql.atomic
def advance(ticket):
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.advance(by="system:workflow")


def test_automatic_moves_into_a_full_phase_wait(project, operator):
    first, second, third = due(project, operator, 3, limit=2)

    assert Ticket.objects.advance_due() == 2
    assert Ticket.objects.advance_due() == 0

    assert [phase_of(each) for each in (first, second, third)] == ["REVIEW", "REVIEW", "MAKE"]
    third.refresh_from_db()
    assert third.move_fault == ""


def test_when_one_leaves_the_one_that_waits_longest_comes_in_by_itself(project, operator):
    tickets = due(project, operator, 4, limit=1)
    Ticket.objects.advance_due()
    first, *waiting = tickets
    assert standing() == 1

    for left, coming in zip([first, *waiting], waiting, strict=False):
        move(left, "DONE", by=operator)
        Ticket.objects.fill([project.pk])
        assert [phase_of(each) for each in tickets].count("REVIEW") == 1
        assert phase_of(coming) == "REVIEW"


def test_those_that_wait_are_asked_only_as_far_as_there_is_room(project, operator):
    """Since when each waits is looked up where there is room; whether it is due, of the first ones."""
    hands = worker(project, operator, capacity=100)
    workflow = reviewing(project, limit=1)
    found = []
    for count in (10, 40):
        opened(project, workflow, count, by=operator)
        for claim in Task.objects.claim(by=hands, limit=count):
            complete(claim, by=hands)
        while Ticket.objects.advance_due():
            pass
        [there] = Ticket.objects.filter(phase="REVIEW")
        vacuum()
        full = pages_of_the_oldest(project, 0)
        with transaction.atomic():
            Ticket.objects.move(there.pk, "DONE", by=operator)
            found.append((full, pages_of_the_oldest(project, 1 + limited_moves.SPARE)))
            transaction.set_rollback(True)
    (few_full, few), (many_full, many) = found
    assert many_full <= few_full + 2, found
    assert (many - few) / 40 <= 10, found


def pages_of_the_oldest(project, count):
    with costs() as seen:
        assert len(limited_moves.oldest_first([project.pk])) == count
    return sum(each.buffers for each in seen)


def test_a_newcomer_does_not_pass_those_that_wait(project, operator):
    first, second, third = due(project, operator, 3, limit=1)
    Ticket.objects.advance_due()
    with transaction.atomic():
        move(first, "DONE", by=operator)

    Ticket.objects.advance_due([third.pk])

    assert (phase_of(second), phase_of(third)) == ("REVIEW", "MAKE")


@pytest.mark.parametrize("act", ["move", "block", "cancel", "archive"])
def test_whatever_leaves_the_phase_asks_for_a_look(project, operator, monkeypatch, act):
    first, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    asked = []
    monkeypatch.setattr("tickets.models.ticket.room.hints.send", lambda *hint: asked.append(hint))

    match act:
        case "move":
            move(first, "DONE", by=operator)
        case "block":
            move(first, "BLOCKED", by=operator, reason="waits for ada", cause="dependency")
        case "cancel":
            move(first, "CANCELLED", by=operator, reason="not needed")
        case "archive":
            Ticket.objects.act(first.pk, "archive", by=operator)

    assert ("fill_phases", [project.pk]) in asked
    Ticket.objects.fill([project.pk])
    assert phase_of(second) == "REVIEW"


def test_moves_of_agents_into_a_full_phase_are_refused(project, operator):
    _, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    mover = Key.objects.issue(
        by=operator, agent=worker(project, operator, "mover"), scopes=["tickets:write"]
    )[0].as_caller()

    with pytest.raises(PhaseFull) as refused:
        move(second, "REVIEW", by=mover, past_limit=True)

    assert refused.value.code == "review_full"
    assert "REVIEW is full" in refused.value.message or "Review is full" in refused.value.message
    assert phase_of(second) == "MAKE"


def test_a_person_moves_one_in_on_purpose_and_that_is_marked(project, operator):
    _, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()

    with pytest.raises(PhaseFull):
        move(second, "REVIEW", by=operator)
    row = move(second, "REVIEW", by=operator, past_limit=True)

    assert row.past_limit
    assert row.by == "user:admin"
    assert standing() == 2
    assert Ticket.objects.advance_due() == 0


def test_a_move_into_a_phase_with_room_is_not_marked(project, operator):
    [first] = due(project, operator, 1, limit=1)

    assert not move(first, "REVIEW", by=operator, past_limit=True).past_limit


def test_a_forced_move_by_a_person_is_on_purpose(project, operator):
    first, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()

    row = move(second, "REVIEW", by=operator, force=True, reason="the customer waits for it")

    assert row.past_limit
    assert (phase_of(first), phase_of(second)) == ("REVIEW", "REVIEW")


def test_only_a_person_can_be_named_as_who_moved_past_the_limit(project, operator):
    due(project, operator, 1, limit=1)
    insert = """
    INSERT INTO tickets_phasemove
      (ticket_id, move, from_phase, to_phase, ground, reason, "by", key, past_limit, artifacts)
    SELECT id, 7, 'MAKE', 'REVIEW', 'ungated', '', 'agent:ada', '', true, '{}'
    FROM tickets_ticket
    """
    with pytest.raises(Exception, match="history_past_limit_by_a_person"):
        sql.rows(insert)


def test_the_database_refuses_who_passes_the_check(project, operator, monkeypatch):
    first, second = due(project, operator, 2, limit=1)
    monkeypatch.setattr("tickets.models.ticket.transitions.expect_room", lambda *_, **__: False)
    move(first, "REVIEW", by=operator)

    with pytest.raises(OperationalError, match="REVIEW is full"):
        move(second, "REVIEW", by=operator)

    assert phase_of(second) == "MAKE"


@contextmanager
def unguarded():
    with as_owner():
        sql.rows("ALTER TABLE tickets_ticket DISABLE TRIGGER wip_guard")
    try:
        yield
    finally:
        with as_owner():
            sql.rows("ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER wip_guard")


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the guard"])
def test_of_two_who_move_at_once_into_the_last_place_one_waits(project, operator, guarded):
    first, second = due(project, operator, 2, limit=1)

    with nullcontext() if guarded else unguarded():
        with meanwhile(lambda: advance(second), waits=guarded) as other:
            with Ticket.objects.locked(pk=first.pk) as row:
                row.advance(by="system:workflow")
            sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(PhaseFull) if guarded else nullcontext():
            other.answer()

    assert standing() == (1 if guarded else 2)


@pytest.mark.full
def test_64_claimers_at_once_never_put_a_fourth_ticket_into_review(project, operator):
    opened(project, reviewing(project, limit=3), 64, by=operator)
    agents = [worker(project, operator, f"agent-{n}") for n in range(64)]

    def works(agent):
        [claim] = Task.objects.claim(by=agent)
        complete(claim, by=agent)
        return Ticket.objects.advance_due([claim.ticket_id])

    [answers] = race(1, *[lambda _, agent=agent: works(agent) for agent in agents])

    assert not [each for each in answers if isinstance(each, Exception)]
    assert standing() == sum(answers) == 3


def test_each_project_and_workflow_counts_for_itself(project, operator):
    first, *_ = due(project, operator, 1, limit=1)
    Ticket.objects.advance_due()
    assert phase_of(first) == "REVIEW"
    newer = reviewing(project, limit=2)
    assert newer.version == 2
    second, third = opened(project, newer, 2, by=operator)
    hands = Agent.objects.get(name="hands")
    for claim in Task.objects.claim(by=hands, limit=2):
        complete(claim, by=hands)

    Ticket.objects.advance_due()

    # a ticket keeps to the limit of its own version; those of other versions count with it
    assert (phase_of(second), phase_of(third)) == ("REVIEW", "MAKE")


def test_a_newer_version_with_more_room_lets_its_tickets_in(project, operator):
    _, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    newer = reviewing(project, limit=2)

    Ticket.objects.follow(second.pk, newer.version, by=operator)
    Ticket.objects.advance_due()

    assert phase_of(second) == "REVIEW"


def test_restoring_a_ticket_into_a_full_phase_is_refused(project, operator):
    first, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    Ticket.objects.act(first.pk, "archive", by=operator)
    Ticket.objects.advance_due()
    assert phase_of(second) == "REVIEW"

    with pytest.raises(PhaseFull):
        Ticket.objects.act(first.pk, "restore", by=operator)
    move(second, "DONE", by=operator)
    Ticket.objects.act(first.pk, "restore", by=operator)
    assert standing() == 1


def test_a_ticket_in_blocked_does_not_count_and_returns_only_where_there_is_room(project, operator):
    first, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    move(first, "BLOCKED", by=operator, reason="waits for ada", cause="dependency")
    Ticket.objects.advance_due()
    assert phase_of(second) == "REVIEW"

    with pytest.raises(PhaseFull):
        move(first, "REVIEW", by=operator)
    assert move(first, "REVIEW", by=operator, past_limit=True).past_limit


def test_a_ticket_opened_in_a_full_phase_counts_as_moved_in_by_its_author(project, operator):
    [first] = due(project, operator, 1, limit=1)
    Ticket.objects.advance_due()
    workflow = first.workflow
    spec = TicketSpec("late", workflow=workflow, phase="REVIEW", reason="it was reviewed elsewhere")

    ticket = Ticket.objects.open(project, spec, by=operator)

    assert ticket.history.get().past_limit


def test_over_http_a_full_phase_is_refused_and_a_person_says_that_it_is_on_purpose(project, operator):
    _, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    agent, person = api_of(worker(project, operator, "mover"), "tickets:write"), api_of(operator)
    where = f"/tickets/{second.key}/transitions"

    [option] = [each for each in agent.get(where).json() if each["to"] == "REVIEW"]
    assert (option["allowed"], [each["code"] for each in option["unmet"]]) == (False, ["review_full"])
    for body in ({"to": "REVIEW"}, {"to": "REVIEW", "past_limit": True}):
        refused = agent.post(where, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "review_full")
    assert person.post(where, {"to": "REVIEW"}).status_code == 409
    moved = person.post(where, {"to": "REVIEW", "past_limit": True})
    assert (moved.status_code, moved.json()["history"]["past_limit"]) == (200, True)


def test_the_dialog_offers_to_move_it_in_past_the_limit(project, operator, client):
    first, second = due(project, operator, 2, limit=1)
    Ticket.objects.advance_due()
    client.force_login(operator)
    address = f"/tickets/{second.key}/advance/"

    assert 'name="past_limit"' in client.get(address).content.decode()
    refused = client.post(address, {"to": "REVIEW", "reason": "", "version": ""})
    assert "Review is full" in refused.content.decode()
    client.post(address, {"to": "REVIEW", "reason": "", "version": "", "past_limit": "on"})
    assert standing() == 2
    assert "Past the limit" in client.get(f"/tickets/{second.key}/").content.decode()
    assert "2 of 1 allowed" in client.get(f"/tickets/{first.key}/").content.decode()
    assert 'name="past_limit"' not in client.get(address).content.decode()


def test_the_board_shows_how_many_may_stand_in_a_phase(project, operator, client):
    due(project, operator, 2, limit=3)
    Ticket.objects.advance_due()
    opened(project, Workflow.objects.latest_of("reviewing"), 1, by=operator)
    client.force_login(operator)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            page = client.get(f"/board/?project={project.key}").content.decode()
        return page, len(asked)

    statements()
    page, few = statements()
    assert "2 of 3" in page
    opened(project, Workflow.objects.latest_of("reviewing"), 9, by=operator)
    assert statements()[1] == few


def test_a_ticket_that_its_workflow_sends_back_into_a_full_phase_waits_for_room(project, operator):
    phases = [
        {"name": "MAKE", "to": ["TEST"], "wip": {"limit": 1}, "automatic": "on_completion"},
        {
            "name": "TEST",
            "to": ["DONE", "MAKE"],
            "automatic": "on_completion",
            "gate": [{"check": "artifact", "type": "report"}],
            "on_failure": {"send_back": "MAKE"},
        },
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "testing", "phases": phases}))
    hands = worker(project, operator, capacity=9)
    first = opened(project, workflow, 1, by=operator)[0]
    complete(Task.objects.claim(by=hands)[0], by=hands)
    Ticket.objects.advance_due()
    second = opened(project, workflow, 1, by=operator)[0]
    Task.objects.add(first, [TaskSpec("test")], by=operator)
    [claim] = Task.objects.claim(by=hands, phases=["TEST"])
    complete(claim, by=hands)

    for _ in range(2):
        Ticket.objects.advance_due()
    assert (phase_of(first), phase_of(second)) == ("TEST", "MAKE")
    told = Ticket.objects.explanation(first)["causes"][0]
    assert told["code"] == "review_full"
    assert told["what"] == "it was refused and should go back, but Make is full, with 1 ticket"
    assert first.verdicts.count() == 1

    move(second, "CANCELLED", by=operator, reason="not needed")
    assert Ticket.objects.fill([project.pk]) == 1
    assert phase_of(first) == "MAKE"
    assert first.history.latest("move").ground == "back"


def rejected(project, operator, decision="reject", **more):
    """A ticket that was rejected in TEST while MAKE, where it goes back to, is full; and what fills it."""
    phases = [
        {"name": "MAKE", "to": ["TEST"], "wip": {"limit": 1}},
        {
            "name": "TEST",
            "to": ["DONE", "MAKE"],
            "approvals": {"count": 1, "role": "approver"},
            "on_failure": {"send_back": "MAKE"},
            **more,
        },
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "testing", "phases": phases}))
    first = opened(project, workflow, 1, by=operator)[0]
    move(first, "TEST", by=operator, force=True, reason="it is made")
    second = opened(project, workflow, 1, by=operator)[0]
    first.refresh_from_db()
    decide(first, decision, by=operator, reason="too slow")
    return first, second


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_a_ticket_that_a_person_rejects_waits_for_room_in_the_phase_it_goes_back_to(
    project, operator, decision
):
    first, second = rejected(project, operator, decision)

    assert phase_of(first) == "TEST"
    assert Ticket.objects.fill([project.pk]) == 0
    told = Ticket.objects.explanation(first)["causes"]
    assert [(cause["code"], cause["what"]) for cause in told] == [
        ("review_full", "it was refused and should go back, but Make is full, with 1 ticket")
    ]

    move(second, "CANCELLED", by=operator, reason="not needed")
    assert Ticket.objects.fill([project.pk]) == 1
    row = first.history.latest("move")
    assert (row.to_phase, row.ground, row.by) == ("MAKE", "back", "system:review")
    assert row.reason == f"{decision.replace('_', ' ').capitalize()} by admin: too slow"
    assert Ticket.objects.get(pk=first.pk).move_fault == ""


def test_the_sweep_sends_it_back_too(project, operator):
    first, second = rejected(project, operator)
    move(second, "CANCELLED", by=operator, reason="not needed")

    Ticket.objects.advance_due()

    assert phase_of(first) == "MAKE"


@pytest.mark.parametrize("what", ["the evidence changes", "it is approved", "it is frozen"])
def test_a_rejected_ticket_stays_once_the_rejection_does_not_stand(project, operator, what):
    first, second = rejected(project, operator)
    match what:
        case "the evidence changes":
            submit(first, "notes", b"faster", by=operator)
        case "it is approved":
            decide(Ticket.objects.get(pk=first.pk), "approve", by=operator)
        case "it is frozen":
            Freeze.objects.freeze(project, by=operator, reason="tests")
    move(second, "CANCELLED", by=operator, reason="not needed")

    assert Ticket.objects.fill([project.pk]) == 0
    assert phase_of(first) == "TEST"
