"""Sweeps repair what time or a lost hint left behind, and raise an alarm for an impossible state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.models import Event
from omoi_site.brokers import hints
from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tickets.models import Edge, Need, SweepRun, Task, TaskSpec, Ticket, TicketSpec
from tickets.runtime import sweeps
from tickets.runtime.clock import Clock, later
from tickets.runtime.sweeps import Sweep, Walk

pytestmark = pytest.mark.django_db


def turn():
    """One turn of a clock for which everything is due."""
    Clock().turn()


def test_one_turn_lapses_wakes_and_moves_on(project, ada, operator):
    held = Ticket.objects.open(project, TicketSpec("Held", tasks=[TaskSpec("Held")]), by=operator)
    [claim] = Task.objects.claim(by=ada)
    not_due = Ticket.objects.open(
        project,
        TicketSpec("Asleep", tasks=[TaskSpec("Asleep", not_before=datetime(2020, 1, 1, tzinfo=UTC))]),
        by=operator,
    )
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [claim.task],
    )

    turn()

    assert Task.objects.get(pk=claim.task).state == "pending"
    assert not_due.tasks.get().is_ready
    assert Ticket.objects.get(pk=held.pk).phase == "DOING"


def test_a_stored_count_that_is_wrong_is_mended_with_an_alarm(task, ticket, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, child.pk)], by=operator)
    turn()
    assert not Event.objects.filter(kind="alarm.raised").exists()

    Task.objects.filter(pk=child.pk).update(open_needs=0, edges_left=7)
    turn()

    child.refresh_from_db()
    assert (child.open_needs, child.edges_left) == (1, 1)
    [alarm] = Event.objects.filter(kind="alarm.raised")
    assert (alarm.subject, alarm.topic) == (f"task:{child.pk}", f"ticket:{ticket.key}")
    assert alarm.data == {
        "was": {"open_needs": 0, "edges_left": 7, "unsatisfiable": False},
        "now": {"open_needs": 1, "edges_left": 1, "unsatisfiable": False},
    }


def test_a_task_held_or_free_against_its_ticket_is_mended_with_an_alarm(task, ticket, operator, project):
    begun = Ticket.objects.open(project, TicketSpec("In TODO", tasks=[TaskSpec("Of DOING")]), by=operator)
    turn()
    assert not Event.objects.filter(kind="alarm.raised").exists()

    Task.objects.filter(pk=task.pk).update(held=True)
    begun.tasks.update(held=True)
    turn()
    assert Task.objects.ready().count() == 2
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.pause(by=operator)
    Task.objects.filter(pk=task.pk).update(held=False)
    turn()

    assert [ready.ticket_id for ready in Task.objects.ready()] == [begun.pk]
    assert Event.objects.filter(kind="alarm.raised").count() == 3


def test_lost_hints_are_made_good(ticket, ada, operator, monkeypatch):
    Task.objects.add(ticket, [TaskSpec("By a worker", profile="echo", slots={"text": "hello"})], by=operator)
    rung = []
    monkeypatch.setattr(hints, "send", lambda *args: rung.append(args))
    turn()
    assert rung == [("work",)]


def test_a_sweep_that_fails_stands_in_nobodys_way_and_health_says_so(task, ada):
    @sql.atomic
    def fails():
        sql.rows("SELECT 1 / 0")

    done = []
    clock = Clock([Sweep("wake", 1, fails), Sweep("lapse", 5, lambda: done.append(1))])
    clock.turn()

    assert done == [1]
    assert "division by zero" in SweepRun.objects.get(name="wake").error
    assert sweeps.health() == ""  # once is no news
    SweepRun.objects.filter(name="wake").update(at="2020-01-01T00:00Z")
    assert "wake has been failing" in sweeps.health()


def test_health_tells_of_a_clock_that_is_silent_even_when_claims_run_its_sweeps(ada, task):
    assert "No clock has ever run" in sweeps.health()
    turn()
    assert sweeps.health() == ""
    SweepRun.objects.update(at="2020-01-01T00:00Z")
    Task.objects.lapse()
    assert "The clock has not run for" in sweeps.health()


def test_a_backlog_is_worked_off_in_batches_between_which_others_have_their_turn():
    order = []
    left = [3]

    def backlog():
        order.append("backlog")
        left[0] -= 1
        return 10 if left[0] else 4

    clock = Clock([Sweep("wake", 1, backlog, batch=10), Sweep("lapse", 1e-9, lambda: order.append("other"))])
    for _ in range(3):
        clock.turn()

    assert order == ["backlog", "other"] * 3
    assert clock.due["wake"] > 0


def test_a_late_turn_does_not_shift_the_schedule():
    assert later(100.0, 5, 100.2) == 105.0
    assert later(100.0, 5, 104.9) == 105.0
    assert later(100.0, 5, 117.0) == 120.0
    assert later(100.0, 1, 100.0) == 101.0


def test_one_ticket_that_cannot_move_does_not_stop_the_others(project, ada, operator):
    stuck = Ticket.objects.open(
        project, TicketSpec("Stuck", workflow=allow_workflow(project, broken())), by=operator
    )
    Task.objects.insert(stuck, [TaskSpec("Do it", phase="DOING")], phase="TODO", by=operator)
    stuck.tasks.update(held=False)
    whole = Ticket.objects.open(project, TicketSpec("Whole", tasks=[TaskSpec("Do it")]), by=operator)
    for claim in Task.objects.claim(by=ada, limit=2):
        complete(claim, by=ada)

    turn()

    assert [Ticket.objects.get(pk=ticket.pk).phase for ticket in (stuck, whole)] == ["TODO", "DONE"]


def broken():
    """A workflow that adds a task with a profile which is not installed: its tickets cannot move on."""
    from tickets.models import Workflow

    seed = {"title": "Do it", "profile": "not_there"}
    phases = [
        {"name": "TODO", "to": ["DOING"], "automatic": "on_claim"},
        {"name": "DOING", "to": ["DONE"], "tasks": [seed]},
        {"name": "DONE", "to": []},
    ]
    return Workflow.objects.create(name="broken", version=1, document={"name": "broken", "phases": phases})


def test_a_walk_sees_every_row_wherever_its_id_is(project, operator):
    tickets = [Ticket.objects.open(project, TicketSpec(str(n)), by=operator).pk for n in range(5)]
    walk = Walk(Ticket, 2)
    ranges = [walk() for _ in range(4)]
    seen = [[pk for pk in tickets if after < pk <= upto] for after, upto in ranges]
    assert [len(found) for found in seen] == [2, 2, 1, 2]
    assert {pk for found in seen for pk in found} == set(tickets)
    assert Walk(Need, 2)() == (0, 0)
