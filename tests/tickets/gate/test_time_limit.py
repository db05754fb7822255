"""The checks of a gate end in time, also those that wait, and no lock is held longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from omoi_site.database import sql
from tests.factories import allow_workflow, submit
from tests.support import reports
from tickets.gates import registry, time_limit
from tickets.gates.registry import Reason, gate_check
from tickets.models import Ticket, TicketSpec, Verdict, Workflow
from tickets.models.gate.local_files import LocalFiles

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT = "SELECT current_setting('statement_timeout') AS now"
READS = {"check": "min_length", "type": "requirements_document", "length": 10}


class FarAway(LocalFiles):
    """A storage that does not answer until `answers` is set."""

    answers = threading.Event()

    def _open(self, name: str, mode: str = "rb") -> Any:
        self.answers.wait(60)
        return super()._open(name, mode)


@pytest.fixture
def gated(project, operator, monkeypatch):
    """Makes a ticket in WORK whose gate has these entries, and a half second for its checks."""
    monkeypatch.setattr(time_limit, "MOST_S", 0.5)

    def made(*gate: dict[str, Any]) -> Ticket:
        phases = [{"name": "WORK", "to": ["DONE"], "gate": list(gate)}, {"name": "DONE", "to": []}]
        workflow = allow_workflow(project, Workflow.objects.install({"name": "timed", "phases": phases}))
        return Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)

    return made


@pytest.fixture
def check(monkeypatch):
    """Checks that run a statement: `waits`, `fails` and `answers`."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))

    def named(name: str, statement: str) -> None:
        @gate_check(name)
        def runs(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
            """It runs its statement."""
            sql.rows(statement)
            yield from ()

    named("waits", "SELECT pg_sleep(60)")
    named("fails", "SELECT 1 / 0")
    named("answers", "SELECT 1")


def codes(verdict: Verdict) -> list[str]:
    return [reason["code"] for check in verdict.checks for reason in check["reasons"]]


def test_a_statement_that_waits_ends_and_its_check_does_not_pass(check, gated, operator):
    ticket = gated({"check": "answers"}, {"check": "waits"}, {"check": "answers"})

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert [entry["passed"] for entry in verdict.checks] == [True, False, False]
    assert set(codes(verdict)) == {"check_too_slow"}
    assert verdict.unmet[0]["need"] == "an answer within 0.5 s"
    assert Verdict.objects.get().pk == verdict.pk


def test_a_statement_that_fails_spoils_only_its_own_check(check, gated, operator):
    ticket = gated({"check": "fails"}, {"check": "answers"})

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert [entry["passed"] for entry in verdict.checks] == [False, True]
    assert codes(verdict) == ["check_failed"]


def test_a_storage_that_does_not_answer_keeps_the_gate_closed_until_it_does(
    gated, operator, ada, settings, tmp_path
):
    settings.ARTIFACTS_IN_DATABASE = False
    far = {"BACKEND": f"{__name__}.FarAway", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "artifacts": far}
    FarAway.answers.clear()
    ticket = gated(READS)
    submit(ticket, "requirements_document", reports.requirements(800), by=ada)

    assert codes(Ticket.objects.judge(pk=ticket.pk, by=operator)) == ["check_too_slow"]

    FarAway.answers.set()
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


@pytest.mark.parametrize("session", ["0", "2min", "9s"])
def test_the_limit_of_the_session_is_as_before(check, gated, operator, session):
    ticket = gated({"check": "answers"})

    with transaction.atomic():
        sql.rows(f"SET LOCAL statement_timeout = '{session}'")
        before = sql.one(TIMEOUT)
        Ticket.objects.judge(pk=ticket.pk, by=operator)
        assert sql.one(TIMEOUT) == before
