"""How a worker answers the runs it took: an answer is kept when it can be, else nothing follows from it."""

from __future__ import annotations

import logging
import threading

import pytest
from django.db import connection

from omoi_site.database import sql
from tests.factories import allow_workflow
from tickets.gates import registry
from tickets.gates.registry import worker_check
from tickets.gates.work import Answer
from tickets.models import CheckRun, Ticket, TicketSpec, Verdict, Workflow
from tickets.runtime import check_runner
from tickets.runtime.check_runner import CheckRunner, carry_out, carry_out_next

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(project, operator, monkeypatch):
    """Makes a run of a check that does this."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))

    def made(act) -> CheckRun:
        @worker_check("slow")
        def slow(question):
            """It acts, then passes."""
            act()
            return Answer([])

        phases = [{"name": "WORK", "to": ["DONE"], "gate": [{"check": "slow"}]}, {"name": "DONE", "to": []}]
        workflow = allow_workflow(project, Workflow.objects.install({"name": "slow", "phases": phases}))
        ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
        Ticket.objects.judge(pk=ticket.pk, by=operator)
        return CheckRun.objects.get()

    return made


@pytest.fixture
def warnings(caplog):
    """What a worker warned of, in `messages`."""
    caplog.set_level(logging.WARNING, check_runner.log.name)
    return caplog


@pytest.fixture
def idle():
    """A runner that takes no run."""
    runner = CheckRunner("w1")
    runner.stop()
    runner.thread.join(5)
    return runner


def elsewhere(act) -> None:
    """Do it on a connection of its own."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def lose_connection() -> None:
    row = sql.one("SELECT pg_backend_pid() AS pid")
    assert row
    elsewhere(lambda: sql.rows("SELECT pg_terminate_backend(%s, 5000)", [row["pid"]]))


def test_an_answer_is_kept_though_the_connection_was_lost_while_the_check_ran(asked):
    asked(lose_connection)

    carry_out_next("w1")

    assert CheckRun.objects.get().passed


def test_nothing_follows_from_an_answer_that_comes_too_late(asked, warnings):
    run = asked(lambda: elsewhere(taken_by_another))
    verdicts = Verdict.objects.count()

    carry_out_next("w1")

    assert CheckRun.objects.get().answered_at is None
    assert Verdict.objects.count() == verdicts
    assert warnings.messages == [
        f"slow for {run.ticket.key} was answered too late: it is not this worker's any more"
    ]


def taken_by_another() -> None:
    sql.rows("UPDATE tickets_checkrun SET lease_until = clock_timestamp() - interval '1 s'")
    assert CheckRun.objects.take("system:w2")


def test_a_run_is_not_called_lost_while_its_gate_is_judged(idle, asked, warnings, monkeypatch):
    asked(lambda: None)
    run = CheckRun.objects.take("system:w1")
    idle.runs[id(run)] = run
    monkeypatch.setattr(check_runner, "_judge_again", lambda run: elsewhere(idle.renew))

    carry_out(run)

    assert warnings.messages == []


def test_a_run_that_was_lost_is_called_so_by_its_ticket(idle, asked, warnings):
    run = asked(lambda: None)
    lost = CheckRun.objects.take("system:w1")
    idle.runs[id(lost)] = lost
    taken_by_another()

    idle.renew()

    assert warnings.messages == [f"slow for {run.ticket.key} is not this worker's any more"]


def test_a_worker_that_ends_costs_a_run_no_try(asked):
    """Else the fourth restart in a row, as when code is changed, would call its worker lost."""
    asked(lambda: None)
    for _ in range(5):
        run = CheckRun.objects.take("system:w1")
        CheckRun.objects.release(run)
        CheckRun.objects.release(run)  # twice is once

    carry_out_next("w1")

    assert CheckRun.objects.get().passed
    assert (CheckRun.objects.get().tries, CheckRun.objects.get().releases) == (6, 5)
