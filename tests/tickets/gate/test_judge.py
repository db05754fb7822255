"""A verdict follows from an answer to every check of the gate, over what the ticket holds at that moment.
There is no other way to one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.factories import allow_workflow, complete, submit, work_off
from tests.support import reports
from tests.support.api_client import api_of
from tests.support.concurrency import Act, meanwhile, race
from tickets.gates import registry
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

REASON = {"check": "sections", "code": "sections_missing", "need": ["scope"], "got": [], "how": "add it"}


@pytest.fixture
def delivery(project, operator):
    """A ticket in REQUIREMENTS of `software_delivery`, whose gate has four checks, and nothing for it."""
    workflow = allow_workflow(project, "software_delivery")
    opened = Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)
    Ticket.objects.move(opened.pk, "REQUIREMENTS", by=operator)
    return Ticket.objects.get(pk=opened.pk)


@dataclass(frozen=True)
class Call:
    """A call of the function, as whoever holds the application's role could make it."""

    ticket: int
    phase: str
    move: int
    evidence: str
    answers: Any
    caller: str = "user:mallory"

    @classmethod
    def about(cls, ticket: Ticket, **changes: Any) -> Call:
        """Each check of the gate answered: nothing is missing."""
        digest = sql.one("SELECT omoi_evidence(%s, %s) AS digest", [ticket.pk, ticket.phase])["digest"]
        answers = [{**check, "reasons": []} for check in ticket.plan[ticket.phase].gate]
        return replace(cls(ticket.pk, ticket.phase, ticket.moves, digest, answers), **changes)

    def made(self) -> Verdict:
        [verdict] = Verdict.objects.raw(
            "SELECT * FROM omoi_judge(%s, %s, %s, %s, %s, %s, 'k3y')",
            [self.ticket, self.phase, self.move, self.evidence, json.dumps(self.answers), self.caller],
        )
        return verdict

    def answered(self, change: Any) -> Call:
        return replace(self, answers=change(self.answers))


@pytest.mark.parametrize(
    ("wrong", "error", "why"),
    [
        (lambda call: call.answered(lambda a: []), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: a[:-1]), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: a[1:]), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: [*a, a[0]]), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: [a[0], *a[:-1]]), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: a[::-1]), IntegrityError, "one answer for each"),
        (
            lambda call: call.answered(lambda a: [{**x, "length": 1} if "length" in x else x for x in a]),
            IntegrityError,
            "one answer for each",
        ),
        (
            lambda call: call.answered(lambda a: [{"check": x["check"], "reasons": []} for x in a]),
            IntegrityError,
            "one answer for each",
        ),
        (
            lambda call: call.answered(lambda a: [{**x, "reasons": None} for x in a]),
            IntegrityError,
            "one answer for each",
        ),
        (
            lambda call: call.answered(
                lambda a: [{k: v for k, v in x.items() if k != "reasons"} | {"passed": True} for x in a]
            ),
            IntegrityError,
            "one answer for each",
        ),
        (lambda call: call.answered(lambda a: ["passed" for _ in a]), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: {"passed": True}), IntegrityError, "one answer for each"),
        (lambda call: call.answered(lambda a: None), IntegrityError, "one answer for each"),
        (lambda call: replace(call, evidence="0" * 64), OperationalError, "evidence has changed"),
        (lambda call: replace(call, evidence=None), OperationalError, "evidence has changed"),
        (lambda call: replace(call, phase="DESIGN", answers=[]), OperationalError, "it has moved"),
        (lambda call: replace(call, move=call.move - 1), OperationalError, "it has moved"),
        (lambda call: replace(call, ticket=-1), OperationalError, "it has moved"),
        (lambda call: replace(call, caller=""), IntegrityError, "names the agent"),
        (lambda call: replace(call, caller="mallory"), IntegrityError, "names the agent"),
    ],
)
def test_an_answer_that_is_missing_or_about_something_else_is_refused(delivery, wrong, error, why):
    with pytest.raises(error, match=why):
        wrong(Call.about(delivery)).made()
    assert not Verdict.objects.exists()
    assert not Event.objects.filter(kind="gate.judged").exists()


@pytest.mark.parametrize("claimed", [{}, {"passed": True}, {"passed": "yes"}])
def test_one_refusal_among_the_answers_refuses_whatever_they_claim(delivery, claimed):
    refusing = [{**answer, **claimed} for answer in Call.about(delivery).answers]
    refusing[2]["reasons"] = [REASON]

    verdict = Call.about(delivery, answers=refusing).made()

    assert (verdict.passed, [check["passed"] for check in verdict.checks]) == (
        False,
        [True, True, False, True],
    )


def test_the_verdict_and_its_event_say_who_asked_and_over_what(delivery, ada):
    made = submit(delivery, "requirements_document", reports.requirements(), by=ada)

    verdict = Call.about(delivery).made()

    assert (verdict.passed, verdict.by, verdict.key) == (True, "user:mallory", "k3y")
    assert verdict.artifacts == {"REQUIREMENTS/requirements_document": made.hash}
    event = Event.objects.get(kind="gate.judged")
    assert (event.actor, event.key, event.topic, event.subject) == (
        "user:mallory",
        "k3y",
        delivery.topic,
        delivery.topic,
    )
    assert event.number == Ticket.objects.get(pk=delivery.pk).events
    assert event.project_id == delivery.project_id
    assert event.data == {"phase": "REQUIREMENTS", "passed": True, "verdict": verdict.pk, "unmet": []}


def forged(ticket: Ticket, **changes: Any) -> dict[str, Any]:
    call = Call.about(ticket)
    row = {"phase": call.phase, "move": call.move, "evidence": call.evidence, "checks": call.answers}
    return {"ticket": ticket, "passed": True, "by": "user:mallory", **row, **changes}


def test_the_application_inserts_no_verdict_itself(delivery):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Verdict.objects.create(**forged(delivery))


def test_one_role_alone_gets_the_verdict_that_follows_from_the_answers_too(delivery):
    """Where the application owns its tables, it may insert a row. The database works that out as well."""
    refusing = [{**answer, "reasons": [REASON], "passed": True} for answer in Call.about(delivery).answers]
    with as_owner():
        for changes in ({"checks": []}, {"evidence": "0" * 64}, {"phase": "DESIGN"}, {"by": ""}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Verdict.objects.create(**forged(delivery, **changes))
        Verdict.objects.create(**forged(delivery, checks=refusing, artifacts={"a": "b"}))

    verdict = Verdict.objects.get()
    assert (verdict.passed, verdict.artifacts) == (False, {})
    assert Event.objects.get(kind="gate.judged").data["unmet"] == [check["check"] for check in verdict.checks]


def test_the_gate_is_that_of_the_tickets_own_workflow_version(delivery, project, operator):
    before = Call.about(delivery)
    document = {**delivery.workflow.document}
    document["phases"] = [
        {**phase, "gate": phase.get("gate", [])[:1]} for phase in delivery.workflow.document["phases"]
    ]
    Workflow.objects.install(document, by=operator)

    with pytest.raises(IntegrityError, match="one answer for each"):
        before.answered(lambda answers: answers[:1]).made()
    assert before.made().passed


# -- what happens meanwhile


def hand_in(ticket, operator):
    submit(ticket, "requirements_document", reports.requirements(), by=operator)


def add_a_task(ticket, operator):
    Task.objects.add(ticket, [TaskSpec("one more")], by=operator)


def move_away(ticket, operator):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.force("TESTING", by=operator, reason="for the sake of the test")


def move_away_and_return(ticket, operator):
    move_away(ticket, operator)
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.send_back("REQUIREMENTS", by=operator, reason="for the sake of the test")


@pytest.mark.parametrize("act", [hand_in, add_a_task, move_away, move_away_and_return])
def test_what_happens_between_the_answers_and_the_verdict_is_seen(delivery, operator, act):
    call = Call.about(delivery)

    with meanwhile(call.made) as judging:
        act(delivery, operator)

    with pytest.raises(OperationalError, match=r"it has moved|evidence has changed"):
        judging.answer()
    assert not Verdict.objects.exists()


def test_two_who_answer_at_once_each_get_a_verdict_and_an_event(delivery):
    call = Call.about(delivery)

    [[one, other]] = race(1, *[lambda turn: call.made()] * 2)

    assert {one.pk, other.pk} == set(Verdict.objects.values_list("pk", flat=True))
    numbers = list(Event.objects.filter(kind="gate.judged").values_list("number", flat=True))
    assert len(set(numbers)) == 2


@pytest.fixture
def watched(monkeypatch):
    """A check that calls what is put here, once, while the gate is judged."""
    to_do = []

    def check(case, needs):
        while to_do:
            to_do.pop()()
        return iter(())

    monkeypatch.setitem(registry._checks, "watched", registry.GateCheck("watched", {"required": []}, check))
    return to_do


def test_a_gate_whose_task_ends_while_it_is_judged_is_judged_again(project, operator, ada, watched):
    """To settle a task takes no lock of its ticket, so it does not wait for the judge."""
    gate = [{"check": "tasks_completed"}, {"check": "watched"}]
    phases = [{"name": "MAKE", "to": ["DONE"], "gate": gate}, {"name": "DONE", "to": []}]
    workflow = Workflow.objects.create(name="w", version=1, document={"name": "w", "phases": phases})
    ticket = Ticket.objects.open(
        project,
        TicketSpec("x", workflow=allow_workflow(project, workflow), tasks=[TaskSpec("Do it")]),
        by=operator,
    )
    [claim] = Task.objects.claim(by=ada)
    ending = Act(lambda: complete(claim, by=ada))
    watched.append(lambda: (ending.start(), ending.answer()))

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert verdict.passed
    assert verdict.holds_for(ticket)
    assert Verdict.objects.count() == 1


# -- by the verbs


def test_a_verdict_lost_with_its_request_is_stored_again_with_its_event(delivery, operator):
    """A request with an Idempotency-Key is one transaction: its refusal takes the verdict back."""
    refused = api_of(operator).post(
        f"/tickets/{delivery.key}/transitions", {"to": "DESIGN"}, Idempotency_Key="k"
    )

    assert refused.json()["code"] == "gate_closed"
    verdict = Verdict.objects.get()
    assert (verdict.passed, verdict.by) == (False, "user:admin")
    assert Event.objects.get(kind="gate.judged").data["verdict"] == verdict.pk
    assert Event.objects.filter(kind="ticket.move_refused").count() == 1


def test_a_judgement_takes_few_statements_however_much_was_handed_in(delivery, operator, ada):
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "requirements_document", reports.requirements(), by=ada)
    for number in range(20):
        submit(delivery, "notes", b"%d" % number, by=ada, name=f"note-{number}")

    with CaptureQueriesContext(connection) as counted:
        assert Ticket.objects.judge(pk=delivery.pk, by=operator).passed

    assert len(counted) <= 15, [query["sql"][:80] for query in counted]
