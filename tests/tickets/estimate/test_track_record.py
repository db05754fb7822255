"""Estimates are stored when a ticket enters a phase, compared when it is done, and corrected by that."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from omoi_site.database import sql
from tests.factories import complete
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile
from tests.support.past import moved_at, times_free
from tests.tickets.estimate.conftest import before
from tests.tickets.estimate.test_estimate import estimate, likely, seconds
from tickets.models import StoredEstimate, Task, TaskSpec, Ticket
from tickets.models.estimate import estimate as module
from tickets.models.estimate import stored_estimate
from tickets.models.workflow_statistics import statistics
from tickets.runtime import estimate_sweep
from tickets.runtime.estimate_sweep import EstimateSweep

pytestmark = pytest.mark.django_db(transaction=True)

YEAR_S = 365 * 86_400


@pytest.fixture
def sweep():
    return EstimateSweep()


@pytest.fixture
def ended(opened, ada):
    """A ticket that was done after so many seconds, and was expected and likely after others."""

    def ended(took, *, expected, by):
        ticket = opened(TaskSpec("do it"))
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
        Ticket.objects.advance_due()
        made = timezone.now() - timedelta(seconds=took)
        with times_free():
            moved_at(ticket, 0, made)
        ticket.refresh_from_db()
        born = ticket.history.get(move=0)
        StoredEstimate.objects.create(
            move=born,
            ticket=ticket,
            made_at=ticket.phase_since - timedelta(seconds=took),
            expected_at=ticket.phase_since + timedelta(seconds=expected - took),
            likely_by=ticket.phase_since + timedelta(seconds=by - took),
        )
        return ticket

    return ended


def test_the_clock_stores_what_is_expected_of_a_new_ticket(worked, opened, sweep):
    worked(*[100] * 5)
    sweep()
    ticket = opened(TaskSpec("do it"))

    assert sweep() > 0

    [stored] = StoredEstimate.objects.filter(ticket=ticket)
    assert stored.move.move == 0
    assert (stored.expected_at - stored.made_at).total_seconds() == pytest.approx(100, abs=20)
    assert sweep() == 0
    assert StoredEstimate.objects.filter(ticket=ticket).count() == 1


def test_a_new_clock_goes_on_after_the_last_one(worked, opened, sweep):
    worked(*[100] * 5)
    sweep()
    first = opened(TaskSpec("do it"))
    sweep()
    second = opened(TaskSpec("do it"))

    EstimateSweep()()

    assert set(StoredEstimate.objects.values_list("ticket", flat=True)) >= {first.pk, second.pk}


def test_what_has_no_figure_is_not_stored_and_not_asked_again(opened, sweep, monkeypatch):
    sweep()
    opened(TaskSpec("do it"))
    asked = []
    monkeypatch.setattr(
        stored_estimate,
        "estimate",
        lambda ticket, ask=stored_estimate.estimate: asked.append(1) or ask(ticket),
    )

    sweep()
    sweep()

    assert (len(asked), StoredEstimate.objects.count()) == (1, 0)


def test_a_move_that_commits_late_is_seen(worked, opened, sweep):
    """Its id is below that of a move that the sweep has seen."""
    worked(*[100] * 5)
    late = opened(TaskSpec("do it"))
    opened(TaskSpec("do it"))
    newest = opened(TaskSpec("do it")).history.get()
    sweep.at, sweep.seen = newest.pk, {newest.pk}

    sweep()

    assert StoredEstimate.objects.filter(ticket=late).exists()


def test_of_a_ticket_that_went_on_meanwhile_only_the_last_entry_counts(worked, opened, sweep, operator):
    sweep()
    worked(*[100] * 5)

    sweep()

    assert not StoredEstimate.objects.exists()  # all are done by now


def test_of_a_ticket_that_goes_on_while_it_is_looked_at_the_entry_gets_no_estimate(
    worked, opened, sweep, operator, monkeypatch
):
    """What was stored would be that of another phase, or of another time."""
    worked(*[100] * 5)
    Ticket.objects.advance_due()
    sweep()
    first, second = (opened(TaskSpec("do it")) for _ in range(2))
    stored = []

    def store(self, ticket, *, move):
        stored.append(ticket.pk)
        Ticket.objects.move(second.pk, "BLOCKED", by=operator, reason="x", cause="environment")

    monkeypatch.setattr(stored_estimate.StoredEstimateManager, "_store", store)
    sweep()

    assert stored == [first.pk]


def test_a_turn_that_took_long_begins_no_other_estimate(worked, opened, sweep, monkeypatch):
    worked(*[100] * 5)
    Ticket.objects.advance_due()
    sweep()
    for _ in range(3):
        opened(TaskSpec("do it"))
    monkeypatch.setattr(estimate_sweep, "SPAN_S", 0.0)

    assert [sweep() for _ in range(4)] == [1, 1, 1, 0]
    assert StoredEstimate.objects.count() == 3


def test_of_two_clocks_at_once_the_first_stores_it(worked, opened, sweep):
    worked(*[100] * 5)
    sweep()
    ticket = opened(TaskSpec("do it"))
    with meanwhile(EstimateSweep()) as other:
        sweep()

    assert other.answer()
    assert StoredEstimate.objects.filter(ticket=ticket).count() == 1


def test_a_new_clock_looks_back_only_so_far(worked, opened, sweep, monkeypatch):
    worked(*[100] * 5)
    sweep()
    opened(TaskSpec("do it"))
    sweep()
    for _ in range(5):
        opened(TaskSpec("do it"))
    monkeypatch.setattr(stored_estimate, "BACK", 2)

    newest = sql.one("SELECT max(id) AS id FROM tickets_phasemove")["id"]

    assert StoredEstimate.objects.last_move() == newest - 2


def test_a_batch_at_a_time(worked, opened, sweep, monkeypatch):
    monkeypatch.setattr(estimate_sweep, "BATCH", 2)
    worked(*[100] * 5)
    sweep.at = sql.one("SELECT max(id) AS id FROM tickets_phasemove")["id"]
    sweep.seen = set(range(sweep.at + 1))
    for _ in range(3):
        opened(TaskSpec("do it"))

    assert [sweep(), sweep(), sweep()] == [2, 1, 0]


def test_a_move_costs_no_statement_more(opened, operator):
    ticket = opened()
    with CaptureQueriesContext(connection) as asked:
        Ticket.objects.move(ticket.pk, "DONE", by=operator)

    assert not [query for query in asked if "storedestimate" in query["sql"]]


def test_statistics_say_how_they_held(ended, operator, client, capsys):
    ended(1000, expected=900, by=1100)
    ended(1000, expected=1010, by=1100)
    ended(1000, expected=200, by=300)
    ended(1000, expected=1300, by=1500)

    [found] = statistics("one_phase", by=operator)

    assert (found.estimates.count, found.estimates.in_time) == (4, 0.75)
    assert found.estimates.error.total_seconds() == pytest.approx(200)
    answer = api_of(operator).get("/workflows/one_phase/statistics").json()["estimates"]
    assert answer == {"count": 4, "in_time": 0.75, "error_s": pytest.approx(200)}
    call_command("statistics", "one_phase")
    words = capsys.readouterr().out
    assert "75% of 4 estimates held (half were off by at most 3 minutes)" in words
    call_command("statistics", "one_phase", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["workflows"][0]["estimates"]["error_s"] == pytest.approx(200)
    client.force_login(operator)
    page = " ".join(client.get("/workflows/one_phase/statistics/").content.decode().split())
    assert "<strong>75 %</strong> held" in page


def test_statistics_without_estimates_say_nothing_of_them(ended, operator):
    assert statistics("one_phase", by=operator)[0].estimates is None
    assert api_of(operator).get("/workflows/simple/statistics").json()["estimates"] is None


@pytest.mark.full
def test_past_errors_decide_likely_by(ended, opened, worked, operator, monkeypatch):
    """Each took twice as long as expected, so twice the time is likely."""
    for _ in range(20):
        ended(12_060, expected=6_000, by=6_000)
    Task.objects.filter(state="completed").update(claimed_at=timezone.now() - timedelta(seconds=6_000))

    found = estimate(opened(TaskSpec("do it")))

    assert found.calibrated
    assert likely(found) == pytest.approx(2 * seconds(found) + 60, rel=0.01)
    assert "`likely_by` is where 80 of 100 of the last 20 estimates" in found.assumes[-1]


@pytest.mark.full
def test_past_errors_decide_likely_by_also_where_they_leave_nothing(ended, opened, worked):
    for _ in range(20):
        ended(0, expected=100, by=100)
    Task.objects.filter(state="completed").update(ready_at=F("ended_at"), claimed_at=F("ended_at"))
    worked(*[100] * 10)

    found = estimate(opened(TaskSpec("do it")))

    assert (found.calibrated, seconds(found), likely(found)) == (True, 0, 0)


@pytest.mark.full
def test_past_errors_never_make_a_time_that_no_calendar_has(ended, opened):
    for _ in range(20):
        ended(90 * YEAR_S, expected=0, by=0)

    found = estimate(opened(TaskSpec("do it", not_before=before(-9 * YEAR_S))))

    assert found.likely_by - found.made_at == module.LONGEST


@pytest.mark.full
def test_few_past_errors_decide_nothing(ended, opened):
    for _ in range(19):
        ended(12_060, expected=6_000, by=6_000)

    assert not estimate(opened(TaskSpec("do it"))).calibrated
