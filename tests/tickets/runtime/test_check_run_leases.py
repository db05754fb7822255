"""A run of a check is held by a lease that its worker renews: short, so that a dead worker delays nobody."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.factories import allow_workflow, shell_profile
from tests.support.wait import until
from tests.support.worker_process import WorkerProcess, running_worker
from tickets.models import CheckRun, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

SHORT = {"OMOI_WORKER_LEASE_S": "4"}
LEFT = "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 AS s FROM tickets_checkrun"


@pytest.fixture
def slow_run(project, operator):
    """A run of a command that takes six seconds, and may take an hour."""
    entry = {"check": "command", "profile": shell_profile("checks"), "slots": {"text": "sleep 6"}}
    work = {"name": "WORK", "to": ["DONE"], "gate": [{**entry, "timeout_s": 3600}]}
    phases = [work, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "slow", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    return CheckRun.objects.get()


def now(run: CheckRun) -> CheckRun:
    return CheckRun.objects.get(pk=run.pk)


def left() -> float:
    row = sql.one(LEFT)
    assert row
    return float(row["s"])


@pytest.mark.full
def test_another_worker_takes_the_run_of_one_that_was_killed(slow_run):
    lost = WorkerProcess("w1", **SHORT)
    until(lambda: now(slow_run).worker == "system:w1", 30)
    lost.kill()
    assert left() < 5

    with running_worker("w2", **SHORT):
        until(lambda: now(slow_run).answered_at, 60)

    assert (now(slow_run).worker, now(slow_run).tries, now(slow_run).passed) == ("system:w2", 2, True)


@pytest.mark.full
def test_a_worker_that_lives_keeps_its_run_beyond_the_lease(slow_run):
    with running_worker("w1", **SHORT), running_worker("w2", **SHORT):
        until(lambda: now(slow_run).answered_at, 60)

    assert (now(slow_run).tries, now(slow_run).passed) == (1, True)


@pytest.mark.full
def test_a_worker_that_ends_gives_its_run_back(slow_run):
    ending = WorkerProcess("w1", OMOI_WORKER_LEASE_S="300")
    until(lambda: now(slow_run).worker == "system:w1", 30)
    ending.end()

    with running_worker("w2"):
        until(lambda: now(slow_run).answered_at, 60)

    assert (now(slow_run).worker, now(slow_run).passed) == ("system:w2", True)


def test_a_lease_is_short_however_long_the_check_may_take(slow_run):
    CheckRun.objects.take("system:w1")

    assert 50 < left() < 61


def test_a_check_that_hangs_is_not_held_for_ever(slow_run):
    """Its worker lives and renews the lease, but only up to the time that the check may take."""
    held = CheckRun.objects.take("system:w1")
    assert CheckRun.objects.renew(held)
    sql.rows("UPDATE tickets_checkrun SET started_at = started_at - interval '3700 s'")

    assert CheckRun.objects.renew(held)

    assert left() < 0
    assert CheckRun.objects.take("system:w2").tries == 2
    assert not CheckRun.objects.renew(held)


@pytest.mark.parametrize("value", ["5m", True, [1], None, -100, 1e200])
def test_what_a_package_means_by_a_timeout_spoils_no_lease(slow_run, operator, value):
    """The worker renews it together with the claims of its tasks."""
    entry = {"check": "of_a_package", "timeout_s": value}
    place = {"ticket": slow_run.ticket, "phase": "WORK", "move": slow_run.move, "seen": slow_run.seen}
    CheckRun.objects.take("system:w1")
    CheckRun.objects.create(**place, entry=entry, asked_by="user:ann")
    held = CheckRun.objects.take("system:w1")

    assert CheckRun.objects.renew(held)

    assert (now(held).lease_until - held.started_at).total_seconds() > 50
