"""Checks that ask outside of Omoi answer before the transaction that judges, and only if a gate is judged."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.factories import allow_workflow, complete, submit
from tests.support.api_client import api_of
from tickets.gates import registry
from tickets.gates.registry import Reason, gate_check
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow
from tickets.models.gate.verdict import AskOutside, OutsideAnswers

pytestmark = pytest.mark.django_db(transaction=True)


class Far:
    """What a check outside found each time it was asked: whether in a transaction, and which plan."""

    def __init__(self):
        self.asked, self.meanwhile, self.passes = [], lambda: None, True

    def __call__(self, case, needs):
        """Something far away agrees."""
        newest = case.newest("plan")
        self.asked.append((connection.in_atomic_block, newest and newest.revision))
        self.meanwhile()
        if not self.passes:
            yield Reason("far", "not_agreed", True, False, "make it agree")


@pytest.fixture
def far(monkeypatch):
    monkeypatch.setattr(registry, "_checks", {**registry._checks})
    far = Far()
    gate_check("far", outside=True)(far)
    return far


@pytest.fixture
def gated(far, project, operator):
    """A ticket in a phase whose gate asks far away, and by itself moves on when its work is done."""
    gate = [{"check": "artifact", "type": "plan"}, {"check": "far"}]
    phases = [
        {"name": "WORK", "to": ["DONE"], "gate": gate, "automatic": "on_completion"},
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "far_away", "phases": phases}))
    opened = Ticket.objects.open(project, TicketSpec("Look far", workflow="far_away"), by=operator)
    return Ticket.objects.get(pk=opened.pk)


def test_it_is_asked_outside_of_the_transaction_that_judges(far, gated, operator):
    submit(gated, "plan", b"Why and how", by=operator)

    verdict = Ticket.objects.judge(pk=gated.pk, by=operator)

    assert verdict.passed
    assert far.asked == [(False, 1)]


def test_its_reason_keeps_the_gate_closed(far, gated, operator):
    submit(gated, "plan", b"Why and how", by=operator)
    far.passes = False

    verdict = Ticket.objects.judge(pk=gated.pk, by=operator)

    assert [reason["code"] for check in verdict.checks for reason in check["reasons"]] == ["not_agreed"]


def test_evidence_that_comes_while_it_is_asked_is_asked_about_too(far, gated, operator):
    submit(gated, "plan", b"Why and how", by=operator)

    def replace_once():
        far.meanwhile = lambda: None
        submit(gated, "plan", b"Another plan", by=operator)

    far.meanwhile = replace_once

    verdict = Ticket.objects.judge(pk=gated.pk, by=operator)

    assert [revision for _, revision in far.asked] == [1, 2]
    assert verdict.holds_for(Ticket.objects.get(pk=gated.pk))


def test_answers_about_what_stood_between_do_not_count_for_the_same_content_again(far, gated, operator):
    submit(gated, "plan", b"Bad", by=operator)
    answers = OutsideAnswers.of(gated)
    for content in (b"Good", b"Bad"):
        submit(gated, "plan", content, by=operator)

    with pytest.raises(AskOutside), Ticket.objects.lock(pk=gated.pk) as ticket:
        Verdict.objects.judge(ticket, by=operator, outside=answers)


def test_evidence_that_never_rests_is_not_judged(far, gated, operator):
    far.meanwhile = lambda: submit(gated, "plan", f"Plan {len(far.asked)}".encode(), by=operator)

    with pytest.raises(AskOutside, match="changes faster"):
        Ticket.objects.judge(pk=gated.pk, by=operator)

    assert not Verdict.objects.exists()


def test_answers_for_a_former_stay_in_the_phase_do_not_count(far, gated, operator):
    submit(gated, "plan", b"Why and how", by=operator)
    answers = OutsideAnswers.of(gated)
    Ticket.objects.move(gated.pk, "BLOCKED", by=operator, reason="Wait", cause="clarification")
    Ticket.objects.move(gated.pk, "WORK", by=operator)

    with pytest.raises(AskOutside), Ticket.objects.lock(pk=gated.pk) as ticket:
        Verdict.objects.judge(ticket, by=operator, outside=answers)


def test_who_may_not_judge_asks_nobody(far, gated, django_user_model):
    stranger = django_user_model.objects.create_user("eve")

    with pytest.raises(Exception, match="needs the scope"):
        Ticket.objects.judge(pk=gated.pk, by=stranger)

    assert not far.asked


def test_an_automatic_move_asks_before_it_locks_the_ticket(far, gated, operator, ada):
    Task.objects.add(gated, [TaskSpec("do it")], by=operator)
    submit(gated, "plan", b"Why and how", by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    Ticket.objects.advance_due([gated.pk])

    assert Ticket.objects.get(pk=gated.pk).phase == "DONE"
    assert far.asked == [(False, 1)]


def test_showing_a_gate_asks_nobody(far, gated, operator, client):
    submit(gated, "plan", b"Why and how", by=operator)

    shown = api_of(operator).get(f"/tickets/{gated.key}/gate").json()
    moves = api_of(operator).get(f"/tickets/{gated.key}/transitions").json()
    client.force_login(operator)
    page = client.get(f"/tickets/{gated.key}/")

    assert page.status_code == 200
    assert not far.asked
    [reason] = shown["checks"][1]["reasons"]
    assert (reason["code"], reason["got"]) == ("not_asked", None)
    assert [move["allowed"] for move in moves if move["to"] == "DONE"] == [False]


def test_a_gate_that_passed_is_shown_as_open(far, gated, operator):
    submit(gated, "plan", b"Why and how", by=operator)
    Ticket.objects.judge(pk=gated.pk, by=operator)

    moves = api_of(operator).get(f"/tickets/{gated.key}/transitions").json()

    assert [move["allowed"] for move in moves if move["to"] == "DONE"] == [True]
    assert len(far.asked) == 1
