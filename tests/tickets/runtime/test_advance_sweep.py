"""Automatic moves on their whole way: hints gathered, lost ones made up for, and a backlog said."""

from __future__ import annotations

import pytest
from django.db import connection

from omoi_site.brokers import hints
from omoi_site.database import sql
from tests.factories import due_for_two_moves
from tests.support.costs import cost_of
from tests.support.many_tickets import many_tickets
from tests.support.vacuum import vacuum
from tickets.models import SweepRun, Ticket, TicketSpec
from tickets.models.ticket import automation
from tickets.runtime import actors, advance_sweep
from tickets.runtime.advance_sweep import AdvanceSweep

pytestmark = pytest.mark.django_db(transaction=True)


def phases():
    return list(Ticket.objects.order_by("id").values_list("phase", flat=True))


def test_one_message_handles_what_all_waiting_ones_ask_for(project, operator, ada):
    made = due_for_two_moves(3, project, operator, ada)
    sql.rows("DELETE FROM dramatiq.queue")
    hints.send("work")
    for ticket in made[1:]:
        hints.send("advance_tickets", [ticket.pk])

    actors.advance_tickets.fn([made[0].pk])

    assert phases() == ["DONE"] * 3
    left = sql.rows("SELECT message ->> 'actor_name' AS actor FROM dramatiq.queue")
    assert [row["actor"] for row in left] == ["work"]


def test_a_message_rings_only_if_none_waits(project, operator, ada):
    sql.rows("DELETE FROM dramatiq.queue")
    sql.rows('LISTEN "dramatiq.default.enqueue"')

    def rings():
        sql.rows("SELECT")  # what came with the commits before
        return len(list(connection.connection.notifies(timeout=0, stop_after=9)))

    hints.send("advance_tickets", [1])
    assert rings() == 1
    hints.send("advance_tickets", [2])
    assert rings() == 0
    hints.take_waiting("advance_tickets")
    hints.send("advance_tickets", [3])
    assert rings() == 1


def test_a_hint_for_more_tickets_than_are_tried_at_once_is_for_all_of_them(
    project, operator, ada, monkeypatch
):
    made = due_for_two_moves(3, project, operator, ada)
    monkeypatch.setattr(automation, "MOST", 2)

    assert Ticket.objects.advance_due([ticket.pk for ticket in made]) == 6


def test_a_sweep_stays_with_tickets_that_were_more_than_a_batch(project, operator, ada, monkeypatch):
    due_for_two_moves(3, project, operator, ada)
    for module in (automation, advance_sweep):
        monkeypatch.setattr(module, "MOST", 2)
    sweep = AdvanceSweep(3)
    Ticket.objects.open(project, TicketSpec("later"), by=operator)

    assert [sweep(), sweep()] == [4, 2]

    assert phases() == ["DONE"] * 3 + ["TODO"]


def test_a_sweep_counts_each_ticket_once_and_names_no_backlog_of_a_moment(
    project, operator, ada, monkeypatch
):
    due_for_two_moves(3, project, operator, ada)
    SweepRun.note({"advance_tickets": ""})
    for module in (automation, advance_sweep):
        monkeypatch.setattr(module, "MOST", 2)
    sweep = AdvanceSweep(9)

    while sweep():
        pass  # of the three that were due, one is due still when the sweep comes again
    sweep()

    run = SweepRun.objects.get(name="advance_tickets")
    assert (run.waiting, run.waiting_since) == (3, None)
    assert advance_sweep.warning() == ""


@pytest.mark.parametrize("tickets", [500, pytest.param(5_000, marks=pytest.mark.full)])
def test_a_sweep_touches_few_pages_for_each_ticket_with_open_work(ticket, tickets):
    many_tickets(ticket.project, tickets, tasks=3)
    vacuum()
    params = {"after": 0, "upto": 1 << 40, "most": automation.COUNTED, "again": automation.MOST_AGAIN}

    assert cost_of(automation.DUE_BETWEEN, params).buffers <= 6 * tickets


def test_a_backlog_is_said_by_readyz_and_explain(project, operator, ada, monkeypatch):
    made = due_for_two_moves(2, project, operator, ada)
    sql.rows(
        "UPDATE tickets_task SET claimed_at = now() - interval '5 min', ended_at = now() - interval '5 min'"
    )
    sql.rows("UPDATE tickets_ticket SET updated_at = now() - interval '6 min'")
    SweepRun.note({"advance_tickets": ""})
    sweep = AdvanceSweep(1)
    assert "the clock or a worker will move it" in why(made[0])

    monkeypatch.setattr(automation, "MOST", 0)
    for _ in range(3):  # a whole round, and the beginning of the next
        sweep()

    assert "2 tickets wait for their automatic move, the oldest for 5 minutes" in advance_sweep.warning()
    assert "waits for its turn: 2 tickets waited" in why(made[0])
    assert "the first for 5 minutes" in why(made[0])

    monkeypatch.undo()
    for _ in range(6):
        sweep()

    assert phases() == ["DONE"] * 2
    assert advance_sweep.warning() == ""


def why(ticket):
    [cause] = Ticket.objects.explanation(ticket)["causes"]
    return cause["what"]
