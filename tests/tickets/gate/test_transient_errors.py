"""An error of the database that passes is no answer of a check: the judgement is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tickets.gates import registry
from tickets.gates.registry import Reason, gate_check, worker_check
from tickets.gates.work import Answer, Question
from tickets.models import CheckRun, Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow
from tickets.models.gate.status import gate
from tickets.runtime.check_runner import carry_out_next

pytestmark = pytest.mark.django_db(transaction=True)

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'unlucky' USING ERRCODE = '{}'; END $$"
PASSING = {
    "a discarded statement": "EXECUTE never_prepared",
    "a deadlock": RAISE.format("40P01"),
    "a serialisation failure": RAISE.format("40001"),
}
FAILURE = {"tasks": [{"title": "Do it again"}], "rounds": 2, "block": "failing_checks"}
KINDS = ["inside", "outside", "worker"]


@pytest.fixture
def unlucky(monkeypatch):
    """Checks that run the first statement of this list, which ends there if it fails."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))
    monkeypatch.setattr(sql, "PAUSE_S", 0)
    statements: list[str] = []

    def answer() -> None:
        if statements:
            sql.rows(statements.pop(0))

    def plain(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
        """It answers when nothing fails."""
        answer()
        yield from ()

    gate_check("inside")(plain)
    gate_check("outside", outside=True)(plain)

    @worker_check("worker")
    def worker(question: Question) -> Answer:
        """It answers when nothing fails."""
        answer()
        return Answer([])

    return statements


@pytest.fixture
def gated(project, operator):
    """Makes a ticket in WORK whose gate has this check, and which moves on by itself."""

    def made(check: str) -> Ticket:
        work = {"name": "WORK", "to": ["DONE"], "gate": [{"check": check}], "on_failure": FAILURE}
        phases = [{**work, "automatic": "on_completion"}, {"name": "DONE", "to": []}]
        workflow = allow_workflow(project, Workflow.objects.install({"name": "unlucky", "phases": phases}))
        spec = TicketSpec("Pay", workflow=workflow, tasks=[TaskSpec("Build it")])
        return Ticket.objects.open(project, spec, by=operator)

    return made


@pytest.mark.parametrize("check", KINDS)
@pytest.mark.parametrize("error", PASSING)
def test_a_judgement_that_met_a_passing_error_is_tried_again(unlucky, gated, operator, check, error):
    ticket = gated(check)
    unlucky += [PASSING[error]] * 3

    Ticket.objects.judge(pk=ticket.pk, by=operator)
    carry_out_next("w1")

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)
    assert (unlucky, verdict.passed, verdict.unmet) == ([], True, [])
    assert [run.reasons for run in CheckRun.objects.all()] == ([[]] if check == "worker" else [])


@pytest.mark.parametrize("check", KINDS)
def test_on_failure_adds_no_work_for_a_passing_error(unlucky, gated, ada, check):
    ticket = gated(check)
    unlucky += [PASSING["a deadlock"]] * 3

    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    Ticket.objects.advance_due([ticket.pk])
    carry_out_next("w1")
    Ticket.objects.advance_due([ticket.pk])

    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"
    assert [task.title for task in ticket.tasks.all()] == ["Build it"]


def test_an_error_that_does_not_pass_leaves_no_verdict_and_the_gate_can_be_judged_later(
    unlucky, gated, operator
):
    ticket = gated("inside")
    unlucky += [PASSING["a deadlock"]] * sql.TRIES

    with pytest.raises(OperationalError, match="unlucky"):
        Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert not Verdict.objects.exists()
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


def test_a_run_that_meets_it_every_time_is_taken_again(unlucky, gated, operator):
    ticket = gated("worker")
    unlucky += [PASSING["a deadlock"]] * sql.TRIES
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    with pytest.raises(OperationalError, match="unlucky"):
        carry_out_next("w1")
    assert CheckRun.objects.get().answered_at is None
    sql.rows("UPDATE tickets_checkrun SET lease_until = clock_timestamp() - interval '1 s'")

    carry_out_next("w2")

    assert CheckRun.objects.get().passed


def test_a_gate_that_is_shown_is_read_again(unlucky, gated):
    ticket = gated("inside")
    unlucky += [PASSING["a deadlock"]] * 3

    assert gate(ticket).status == "ready"
