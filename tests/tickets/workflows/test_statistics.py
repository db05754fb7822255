"""Cycle time, lead time, reopen rate and blocked ratio of a workflow, worked out from histories."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member, Project, ProjectSpec
from omoi_site.errors import Invalid, NotFound
from tests.factories import allow_workflow
from tests.support.api_client import api_of
from tests.support.past import moved_at, times_free
from tickets.models import Backlog, Item, Ticket, TicketSpec, Workflow
from tickets.models.ticket import bulk_import
from tickets.models.workflow_statistics import statistics

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = [
    {"name": "IDEA", "to": ["WORK"]},
    {"name": "WORK", "to": ["DONE"]},
    {"name": "DONE", "to": []},
]
HOUR = 3600.0


@pytest.fixture
def flow(project):
    return allow_workflow(project, Workflow.objects.install({"name": "flow", "phases": PHASES}))


@pytest.fixture
def went(project, operator, flow):
    """Open a ticket that makes these moves, each so many hours after the one before, ending an hour ago."""

    def went(*moves, into=project, **spec):
        ticket = Ticket.objects.open(into, TicketSpec("Go", workflow=flow, **spec), by=operator)
        for to, _ in moves:
            how = {"cause": "environment"} if to == "BLOCKED" else {}
            Ticket.objects.move(ticket.pk, to, by=operator, reason="it goes on", **how)
        at = datetime.now(UTC) - timedelta(hours=1 + sum(hours for _, hours in moves))
        with times_free():
            for number, hours in enumerate([0, *(hours for _, hours in moves)]):
                at += timedelta(hours=hours)
                moved_at(ticket, number, at)
        return Ticket.objects.get(pk=ticket.pk)

    return went


def of_flow(by, **how):
    [found] = statistics("flow", by=by, **how)
    return found


def hours(times):
    return (round(times.p50.total_seconds() / HOUR, 2), round(times.p95.total_seconds() / HOUR, 2))


def test_lead_time_begins_with_its_opening_and_cycle_time_with_its_first_move(went, operator):
    went(("WORK", 5), ("DONE", 3))

    found = of_flow(operator)

    assert (hours(found.lead_time), hours(found.cycle_time)) == ((8.0, 8.0), (3.0, 3.0))
    assert (found.done, found.open, found.cancelled, found.reopen_rate) == (1, 0, 0, 0.0)


def test_half_and_95_of_100(went, operator):
    for lasted in (1, 2, 3, 4, 105):
        went(("WORK", 0), ("DONE", lasted))

    assert hours(of_flow(operator).cycle_time) == (3.0, 84.8)


def test_a_block_before_the_first_move_is_no_work(went, operator):
    went(("BLOCKED", 2), ("IDEA", 4), ("WORK", 2), ("DONE", 2))

    found = of_flow(operator)

    assert hours(found.cycle_time) == (2.0, 2.0)
    assert found.blocked_ratio == pytest.approx(0.4, abs=0.001)


def test_the_blocked_ratio_is_of_all_their_time_together(went, operator):
    went(("WORK", 1), ("BLOCKED", 1), ("WORK", 8), ("DONE", 0))
    went(("WORK", 1), ("DONE", 9))

    assert of_flow(operator).blocked_ratio == pytest.approx(0.4, abs=0.001)


def test_taken_up_again_is_what_was_reopened_or_followed_up(went, operator):
    went(("CANCELLED", 1))
    went(("CANCELLED", 1), ("IDEA", 1))
    done = went(("WORK", 1), ("DONE", 1))
    went(("WORK", 1), ("DONE", 1))
    went(follow_up=done)

    found = of_flow(operator)

    assert (found.done, found.cancelled, found.open) == (2, 2, 2)
    assert found.reopen_rate == 0.5


def test_only_what_ended_in_the_window_counts(went, operator):
    ticket = went(("WORK", 1), ("DONE", 1))
    with times_free():
        for number in range(3):
            moved_at(ticket, number, datetime.now(UTC) - timedelta(days=8))

    assert of_flow(operator, days=7).done == 0
    assert of_flow(operator, days=9).done == 1


def test_what_came_in_done_took_no_time_here(project, flow, operator):
    backlog = Backlog("test", [Item("1", "Done already", done=True)])
    bulk_import.import_backlog(backlog, project=project, workflow=flow, by=operator)

    found = of_flow(operator)

    assert (found.done, found.lead_time, found.reopen_rate, found.blocked_ratio) == (0, None, None, None)


def test_open_and_blocked_are_of_now_and_without_the_archived(went, operator):
    went(("BLOCKED", 1))
    went(("WORK", 1))
    Ticket.objects.act(went(("BLOCKED", 1)).pk, "archive", by=operator)

    found = of_flow(operator)

    assert (found.open, found.blocked) == (2, 1)


def test_a_reader_sees_the_tickets_of_their_projects(went, project, flow, operator, django_user_model):
    other = Project.objects.create_project(ProjectSpec("PAY", workflow="flow"), by=operator)
    went(("WORK", 1), ("DONE", 1))
    went(("WORK", 1), ("DONE", 1), into=other)
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=other, user=vera, role="viewer")

    assert (of_flow(operator).done, of_flow(vera).done) == (2, 1)
    assert of_flow(operator, project=other).done == 1
    assert of_flow(vera, project=project).done == 0


def test_each_version_of_the_workflow_counts(went, operator):
    went(("WORK", 1), ("DONE", 1))
    Workflow.objects.install(
        {"name": "flow", "phases": [*PHASES[:2], {"name": "DONE", "to": []}], "start": "IDEA"}
    )

    assert of_flow(operator).done == 1


def test_over_rest(went, operator):
    went(("WORK", 5), ("DONE", 3))
    calls = api_of(operator)

    found = calls.get("/workflows/flow/statistics", days=30).json()

    assert (found["workflow"], found["done"], found["reopen_rate"]) == ("flow", 1, 0.0)
    assert found["lead_time_s"]["p50"] == pytest.approx(8 * HOUR, abs=60)
    assert calls.get("/workflows/simple/statistics").json()["lead_time_s"] is None
    assert calls.get("/workflows/none/statistics").status_code == 404
    assert calls.get("/workflows/flow/statistics", project="NONE").status_code == 404
    for days in ("0", "99999", "x"):
        assert calls.get("/workflows/flow/statistics", days=days).status_code == 422


def test_the_verb_names_what_is_wrong(flow, operator):
    with pytest.raises(Invalid, match="between 1 and"):
        statistics("flow", by=operator, days=0)
    with pytest.raises(NotFound) as refused:
        statistics("none", by=operator)
    assert refused.value.next_action.startswith("Existing ones: flow, simple, ")


def test_the_page_says_it_in_words_and_when_there_is_nothing(went, operator, client):
    client.force_login(operator)
    went(("WORK", 5), ("DONE", 3))

    page = " ".join(client.get("/workflows/flow/statistics/?days=30").content.decode().split())

    for text in (
        "The last 30 days",
        "<dt>Done</dt> <dd><strong>1</strong></dd>",
        "<strong>8 h 00 min</strong> or less for half of them",
        "<strong>0 %</strong> of what ended",
    ):
        assert text in page, text
    assert "No ticket was done in this time" in client.get("/workflows/simple/statistics/").content.decode()
    assert client.get("/workflows/none/statistics/").status_code == 404
    assert "/workflows/flow/statistics/" in client.get("/workflows/flow/").content.decode()


def test_the_command_tells_every_workflow(went, operator, capsys):
    went(("WORK", 5), ("DONE", 3))

    call_command("statistics", "--json")

    found = {each["workflow"]: each for each in json.loads(capsys.readouterr().out)["workflows"]}
    assert (found["flow"]["done"], found["simple"]["done"]) == (1, 0)
    assert found["flow"]["cycle_time_s"]["p95"] == pytest.approx(3 * HOUR, abs=60)
    call_command("statistics", "flow")
    assert "flow: 0 open, 0 blocked, 1 done, cycle time 3 hours (95 %: 3 hours)" in capsys.readouterr().out


@pytest.mark.full
def test_they_cost_one_statement_however_many_tickets(went, operator):
    went(("WORK", 5), ("DONE", 3))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            of_flow(operator)
        counts.append(len(asked))
        for _ in range(5):
            went(("WORK", 1), ("DONE", 1))
    assert counts[0] == counts[1]


def test_the_page_of_no_workflow_is_not_found(client, operator):
    client.force_login(operator)
    for name in ("nothing", "%00", "simple%00"):
        assert client.get(f"/workflows/{name}/statistics/").status_code == 404
