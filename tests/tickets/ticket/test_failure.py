"""What a workflow does when the gate refuses after all work is done: `on_failure`."""

from __future__ import annotations

import pytest

from agents.models import Event
from tests.factories import allow_workflow, complete, decide, submit
from tests.support.api_client import api_of
from tickets.models import Task, Ticket, TicketSpec, Workflow
from tickets.models.ticket import failure
from tickets.workflows.document import InvalidWorkflow

pytestmark = pytest.mark.django_db

GATE = [{"check": "artifact", "type": "log"}]
AGAIN = {"title": "Do it again"}


def document(on_failure, **test):
    return {
        "name": "failing",
        "phases": [
            {"name": "BUILD", "to": ["TEST"], "tasks": [{"title": "Build"}], "automatic": "on_completion"},
            {
                "name": "TEST",
                "to": ["DONE"],
                "tasks": [{"title": "Test"}],
                "automatic": "on_completion",
                "gate": GATE,
                **({"on_failure": on_failure} if on_failure else {}),
                **test,
            },
            {"name": "DONE", "to": []},
        ],
    }


@pytest.fixture
def opened(project, operator):
    def opened(on_failure):
        workflow = allow_workflow(project, Workflow.objects.install(document(on_failure)))
        return Ticket.objects.open(project, TicketSpec("Ship it", workflow=workflow), by=operator)

    return opened


def work(ticket, ada, times=1):
    """Complete every task that is there, and make the automatic moves, so many times."""
    for _ in range(times):
        for claim in Task.objects.claim(by=ada, limit=5):
            complete(claim, by=ada)
        Ticket.objects.advance_due()
    return Ticket.objects.get(pk=ticket.pk)


def way(ticket):
    return [(row.to_phase, row.ground) for row in ticket.history.order_by("move")]


def test_without_it_the_ticket_stays(opened, ada):
    ticket = work(opened(None), ada, times=3)

    assert (ticket.phase, ticket.verdicts.count()) == ("TEST", 1)


def test_it_goes_back_with_its_refusal_and_comes_again(opened, ada):
    ticket = work(opened({"send_back": "BUILD"}), ada, times=2)

    assert way(ticket)[-2:] == [("TEST", "ungated"), ("BUILD", "back")]
    row = ticket.history.latest("move")
    assert (row.by, row.verdict) == ("system:workflow", ticket.verdicts.get())
    assert row.reason == "Checks of Test that did not pass: Log submitted"
    assert ticket.feedback[0]["unmet"][0]["code"] == "artifact_missing"
    assert Event.objects.filter(kind="ticket.moved").latest("pk").data["ground"] == "back"

    [claim] = Task.objects.claim(by=ada)
    assert claim.brief["feedback"][0]["from_phase"] == "TEST"
    submit(ticket, "log", b"all well", by=ada, phase="TEST")
    complete(claim, by=ada)
    Ticket.objects.advance_due()
    assert work(ticket, ada).phase == "DONE"


@pytest.mark.parametrize(("then", "end"), [({}, "TEST"), ({"block": "failing_checks"}, "BLOCKED")])
def test_it_goes_back_only_so_many_times(opened, ada, then, end):
    ticket = work(opened({"send_back": "BUILD", "rounds": 2, **then}), ada, times=12)

    assert ticket.phase == end
    assert [ground for _, ground in way(ticket)].count("back") == 2
    assert ticket.blocked_class == then.get("block", "")


def test_a_block_names_its_class_and_what_it_waits_for(opened, ada):
    ticket = work(opened({"block": "failing_checks"}), ada, times=2)

    assert (ticket.phase, ticket.blocked_class) == ("BLOCKED", "failing_checks")
    assert ticket.blocked_reason == "Checks of Test that did not pass: Log submitted"


def test_who_unblocks_is_not_blocked_again_for_the_same_evidence(opened, ada, operator):
    ticket = work(opened({"block": "failing_checks"}), ada, times=2)

    Ticket.objects.move(ticket.pk, "TEST", by=operator)
    assert work(ticket, ada).phase == "TEST"

    submit(ticket, "notes", b"still no log", by=operator)
    assert work(ticket, ada).phase == "BLOCKED"


def test_tasks_are_added_before_it_is_blocked(opened, ada):
    ticket = opened({"tasks": [AGAIN], "rounds": 2, "block": "failing_checks"})
    work(ticket, ada, times=8)

    assert ticket.tasks.filter(title=AGAIN["title"]).count() == 2
    assert Ticket.objects.get(pk=ticket.pk).phase == "BLOCKED"


def test_a_person_who_runs_the_checks_sets_nothing_in_motion(opened, ada, operator):
    ticket = opened({"send_back": "BUILD"})
    work(ticket, ada)

    assert not Ticket.objects.judge(pk=ticket.pk, by=operator).passed

    assert Ticket.objects.get(pk=ticket.pk).phase == "TEST"


@pytest.mark.parametrize(
    ("on_failure", "sentence"),
    [
        (None, ""),
        (
            {"send_back": "BUILD", "rounds": 3},
            "the ticket goes back to Build by itself (0 of 3 times so far)",
        ),
        ({"tasks": [AGAIN]}, "tasks are added to put it right (0 of 1 times so far)"),
        ({"block": "failing_checks"}, "the ticket is blocked (failing checks)"),
    ],
)
def test_explain_says_before_what_would_follow(opened, ada, operator, client, on_failure, sentence):
    ticket = work(opened(on_failure), ada)

    assert api_of(operator).get(f"/tickets/{ticket.key}/explain").json()["on_failure"] == sentence
    client.force_login(operator)
    page = " ".join(client.get(f"/tickets/{ticket.key}/").content.decode().split())
    assert (f"If it refuses when all tasks are done, {sentence}." in page) is bool(sentence)


def test_a_rejection_goes_back_as_often_as_a_person_rejects(opened, ada, operator):
    ticket = work(opened({"send_back": "BUILD"}), ada)
    for _ in range(2):
        with Ticket.objects.lock(pk=ticket.pk) as row:
            failure.follow_rejection(row, reason="ann rejected it: too slow")
        assert Ticket.objects.get(pk=ticket.pk).phase == "BUILD"
        Ticket.objects.move(ticket.pk, "TEST", by=operator, force=True, reason="once more, please")

    assert [row.by for row in ticket.history.filter(ground="back")] == ["system:review"] * 2
    assert failure.next_answer(Ticket.objects.get(pk=ticket.pk)).done == 0


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_what_a_person_rejects_goes_back_with_their_reason(project, operator, decision):
    reviewed = {"approvals": {"count": 1, "role": "approver"}, "automatic": "", "gate": []}
    phases = document({"send_back": "BUILD"}, **reviewed)["phases"]
    del phases[0]["automatic"], phases[1]["automatic"]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "reviewed", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Ship it", workflow=workflow), by=operator)
    Ticket.objects.move(ticket.pk, "TEST", by=operator, force=True, reason="it is built by hand")

    decide(Ticket.objects.get(pk=ticket.pk), decision, by=operator, reason="too slow")

    row = ticket.history.latest("move")
    assert (row.to_phase, row.ground, row.by) == ("BUILD", "back", "system:review")
    assert row.reason == f"{decision.replace('_', ' ').capitalize()} by admin: too slow"
    assert Ticket.objects.get(pk=ticket.pk).feedback[0]["reason"] == row.reason


def test_nothing_that_follows_leads_past_a_gate(opened, ada):
    for rule in ({"send_back": "BUILD", "rounds": 3}, {"block": "failing_checks"}, {"tasks": [AGAIN]}):
        ticket = work(opened(rule), ada, times=10)
        assert "DONE" not in dict(way(ticket))


@pytest.mark.parametrize(
    ("on_failure", "test", "fault"),
    [
        ({}, {}, "must have at least one of `tasks`, `send_back`, `block`"),
        ({"rounds": 2, "block": "environment"}, {}, "has rounds, but neither tasks nor send_back"),
        ({"tasks": [AGAIN], "send_back": "BUILD"}, {}, "has both tasks and send_back: write one of them"),
        ({"send_back": "DONE"}, {}, "sends back to DONE, which is not an earlier phase"),
        ({"send_back": "TEST"}, {}, "sends back to TEST, which is not an earlier phase"),
        ({"send_back": "BUILDS"}, {}, "which is not an earlier phase; did you mean BUILD?"),
        ({"block": "mood"}, {}, "it must be one of dependency, clarification, failing_checks, environment"),
        ({"send_back": "BUILD", "rounds": 21}, {}, "must be at most 20"),
        ({"send_back": "BUILD"}, {"automatic": "on_claim", "gate": []}, "needs a gate and automatic"),
        ({"send_back": ["BUILD"]}, {}, "must be a text"),
    ],
)
def test_what_cannot_be_meant_is_refused(on_failure, test, fault):
    with pytest.raises(InvalidWorkflow) as refused:
        Workflow.objects.install({**document(None), "phases": phases_with(on_failure, test)})
    assert any(fault in error["message"] for error in refused.value.more["errors"]), refused.value.more


def phases_with(on_failure, test):
    phases = document({"x": 1}, **test)["phases"]
    phases[1]["on_failure"] = on_failure
    return phases
