"""The checks of a gate end in time, also those that wait, and no lock is held longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from omoi_site.database import sql
from tests.factories import allow_workflow, submit
from tests.support import reports
from tests.support.wait import until
from tickets.gates import registry, time_limit
from tickets.gates.checks import reading
from tickets.gates.registry import Reason, gate_check
from tickets.models import Task, Ticket, TicketSpec, Verdict, Workflow
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
    """Makes a ticket in WORK whose gate has these entries, and two seconds for its checks."""
    monkeypatch.setattr(time_limit, "MOST_S", 2)

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


@pytest.mark.full
def test_a_statement_that_waits_ends_and_its_check_does_not_pass(check, gated, operator):
    ticket = gated({"check": "answers"}, {"check": "waits"}, {"check": "answers"})

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert [entry["passed"] for entry in verdict.checks] == [True, False, False]
    assert set(codes(verdict)) == {"check_too_slow"}
    assert verdict.unmet[0]["need"] == "an answer within 2 s"
    assert Verdict.objects.get().pk == verdict.pk


def test_a_statement_that_fails_spoils_only_its_own_check(check, gated, operator):
    ticket = gated({"check": "fails"}, {"check": "answers"})

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert [entry["passed"] for entry in verdict.checks] == [False, True]
    assert codes(verdict) == ["check_failed"]


@pytest.mark.full
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


def test_a_judgement_keeps_what_is_prepared_for_claims(check, gated, operator, ada, task):
    """Else each judgement would make the next claim on its connection ten times as slow."""
    ticket = gated({"check": "answers"})
    Task.objects.claim(by=ada)
    prepared = set(connection.prepared)
    assert prepared

    Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert set(connection.prepared) >= prepared


class Content:
    """A content of one byte, which notes in which threads it is read."""

    hash, size = "of a test", 1

    def __init__(self, location: str) -> None:
        self.location = location
        self.threads: list[threading.Thread] = []

    def pieces(self) -> Iterator[bytes]:
        self.threads.append(threading.current_thread())
        yield b"x"


def test_who_waits_for_a_turn_ends_with_the_time_of_the_gate():
    """Each look at such a ticket would leave a thread behind."""
    before = threading.active_count()
    with reading._turn(0):
        with time_limit.limited(0.1), pytest.raises(time_limit.TimeUp):
            reading._read(0, Content("far away"), len)

        until(lambda: threading.active_count() == before, 5)


def test_what_is_known_of_content_in_the_database_is_read_nowhere_again():
    """Else it could be forgotten before its turn, and be read on a connection of another thread."""
    content = Content("")
    with time_limit.limited(0.5):
        assert reading._read(0, content, len) == 1
        with reading._turn(0):
            assert reading._read(0, content, len) == 1

    assert content.threads == [threading.current_thread()]
