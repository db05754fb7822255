"""What a ticket takes along when it goes back: why its gate refused, and what was submitted before."""

from __future__ import annotations

import pytest

from agents.models import Event
from tests.factories import allow_workflow, submit, work_off
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

GATE = [{"check": "artifact", "type": "log"}, {"check": "tasks_completed"}]
PHASES = [
    {"name": "PLAN", "to": ["BUILD"]},
    {"name": "BUILD", "to": ["TEST"]},
    {"name": "TEST", "to": ["SHIP"], "gate": GATE},
    {"name": "SHIP", "to": ["DONE"], "gate": GATE},
    {"name": "DONE", "to": []},
]


@pytest.fixture
def tested(project, operator, ada):
    """A ticket in TEST with notes of BUILD, whose gate has refused because no log is there."""
    workflow = allow_workflow(project, Workflow.objects.install({"name": "tested", "phases": PHASES}))
    made = Ticket.objects.open(project, TicketSpec("Ship it", workflow=workflow), by=operator)
    go(made, "BUILD", operator)
    submit(made, "notes", b"as built", by=operator)
    go(made, "TEST", operator)
    work_off(made, by=operator, agent=ada)
    assert not Ticket.objects.judge(pk=made.pk, by=operator).passed
    return made


def go(ticket, to, by, **how):
    return Ticket.objects.move(ticket.pk, to, by=by, **{"reason": "it is needed there", **how})


def brief_of_a_new_task(ticket, operator, ada):
    Task.objects.add(now(ticket), [TaskSpec("again")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    return claim.brief


def now(ticket):
    return Ticket.objects.get(pk=ticket.pk)


def codes(items):
    return [[reason["code"] for reason in item["unmet"]] for item in items]


def test_history_and_journal_name_the_refusal(tested, operator):
    refused = tested.verdicts.get()

    row = go(tested, "BUILD", operator, reason="there is no log")

    assert (row.ground, row.verdict_id) == ("back", refused.pk)
    event = Event.objects.filter(kind="ticket.moved").latest("pk")
    assert event.data == {
        "from": "TEST",
        "to": "BUILD",
        "ground": "back",
        "verdict": refused.pk,
        "unmet": ["artifact_missing"],
    }
    told = api_of(operator).get(f"/tickets/{tested.key}/history").json()[-1]["verdict"]
    assert (told["passed"], [reason["code"] for reason in told["unmet"]]) == (False, ["artifact_missing"])
    assert told["artifacts"] == refused.artifacts
    assert told["artifacts"]


def test_the_next_claim_there_is_told_and_finds_what_was_submitted(tested, operator, ada):
    go(tested, "BUILD", operator, reason="there is no log")

    brief = brief_of_a_new_task(tested, operator, ada)

    [item] = brief["feedback"]
    assert (item["from_phase"], item["to_phase"], item["reason"]) == ("TEST", "BUILD", "there is no log")
    assert (item["by"], codes([item])) == ("user:admin", [["artifact_missing"]])
    assert item["unmet"][0]["how"]
    assert item["judged"] == tested.verdicts.get().artifacts
    [earlier] = brief["inputs"]
    notes = tested.artifacts.get()
    assert (earlier["artifact"], earlier["phase"], earlier["hash"]) == (str(notes.pk), "BUILD", notes.hash)


def test_a_ticket_that_never_went_back_has_no_feedback(tested, operator, ada):
    assert "feedback" not in brief_of_a_new_task(tested, operator, ada)


def test_the_phases_on_the_way_are_told_and_no_later_one(tested, operator, ada):
    """Until it has passed the gate that refused."""
    go(tested, "PLAN", operator)
    assert codes(brief_of_a_new_task(tested, operator, ada)["feedback"]) == [["artifact_missing"]]
    Task.objects.filter(state="claimed").cancel(by=operator, reason="enough")
    for phase in ("BUILD", "TEST"):
        go(tested, phase, operator)
        assert brief_of_a_new_task(tested, operator, ada)["feedback"]
        Task.objects.filter(state="claimed").cancel(by=operator, reason="enough")

    go(tested, "SHIP", operator, force=True)

    assert "feedback" not in brief_of_a_new_task(tested, operator, ada)


def test_a_refusal_that_was_passed_since_is_not_told_again(tested, operator, ada):
    go(tested, "BUILD", operator, reason="first")
    go(tested, "TEST", operator)
    go(tested, "BUILD", operator, reason="second")
    assert [item["reason"] for item in now(tested).feedback] == ["second"]

    go(tested, "PLAN", operator, reason="third")

    assert [item["reason"] for item in now(tested).feedback] == ["third", "second"]
    assert [item["verdict"] is not None for item in now(tested).feedback] == [False, False]


def test_a_gate_that_passed_sends_no_refusal_back(tested, operator):
    submit(tested, "log", b"all well", by=operator)
    assert Ticket.objects.judge(pk=tested.pk, by=operator).passed

    row = go(tested, "BUILD", operator)

    assert row.verdict_id is None
    assert now(tested).feedback[0]["unmet"] == []


@pytest.mark.parametrize(
    ("before", "how"), [("BLOCKED", {"cause": "environment"}), ("CANCELLED", {}), (None, {"force": True})]
)
def test_every_way_to_an_earlier_phase_tells(tested, operator, ada, before, how):
    if before:
        go(tested, before, operator, **how)

    row = go(tested, "BUILD", operator, **({} if before else how))

    assert row.verdict_id == tested.verdicts.get().pk
    assert codes(brief_of_a_new_task(tested, operator, ada)["feedback"]) == [["artifact_missing"]]


def test_back_from_a_block_to_the_same_phase_tells_nothing(tested, operator):
    go(tested, "BLOCKED", operator, cause="environment")
    go(tested, "TEST", operator)

    assert now(tested).feedback == []
