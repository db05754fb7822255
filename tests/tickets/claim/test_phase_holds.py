"""Whether a phase holds others is stored where claims read it, and is what was committed."""

from __future__ import annotations

from functools import partial

import pytest

from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.support.concurrency import meanwhile
from tests.support.wip_scene import opened, reviewing, watch_phases
from tests.tickets.claim.test_wip import age
from tickets.models import PhaseHold, Task, TaskSpec, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

COUNTED = """
SELECT h.is_full, omoi_full(h.project_id, h.workflow_id, h.phase, p.wip) AS counted
FROM tickets_phasehold h
JOIN tickets_workflowphase p ON p.workflow_id = h.workflow_id AND p.name = h.phase
ORDER BY h.id
"""
FUNCTION = "SELECT pg_get_functiondef('omoi_follow_full(bigint, bigint, text)'::regprocedure)"


def stored():
    """Of each version that has work: whether its REVIEW is full, which is so."""
    rows = sql.rows(COUNTED)
    assert all(row["is_full"] == row["counted"] for row in rows), rows
    return [row["is_full"] for row in rows]


def standing_free(project, workflow, count, by, **more):
    """Tickets in MAKE that may go on: nothing of their work is left."""
    tickets = opened(project, workflow, count, by=by, **more)
    Task.objects.all().cancel(by=by, reason="not needed")
    return tickets


def archive(ticket, by, *, restored=False):
    Ticket.objects.act(ticket.pk, "restore" if restored else "archive", by=by)


def test_it_follows_every_act_that_fills_a_phase_or_makes_room(project, operator):
    workflow = reviewing(project, limit=2, holds=["MAKE"])
    first, second, third = standing_free(project, workflow, 3, operator)
    assert stored() == [False]
    for ticket, full in ((first, False), (second, True)):
        Ticket.objects.move(ticket.pk, "REVIEW", by=operator)
        assert stored() == [full]
    archive(first, operator)
    assert stored() == [False]
    archive(first, operator, restored=True)
    assert stored() == [True]
    Ticket.objects.move(second.pk, "DONE", by=operator)
    assert stored() == [False]

    # tickets of all versions count together, and each version has its own limit
    reviewing(project, limit=1, holds=["MAKE"])
    Task.objects.add(third, [TaskSpec("make it")], by=operator)
    Ticket.objects.follow(third.pk, 2, by=operator)
    assert stored() == [False, True]
    Ticket.objects.move(first.pk, "MAKE", by=operator, reason="once more")
    assert stored() == [False, False]


def test_a_lane_made_while_the_phase_is_full_is_held(project, operator):
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    [first] = standing_free(project, workflow, 1, operator)
    Ticket.objects.move(first.pk, "REVIEW", by=operator)
    with as_owner():
        sql.rows("TRUNCATE tickets_phasehold")

    opened(project, workflow, 1, by=operator, capabilities=["new"])

    assert stored() == [True]


@pytest.fixture
def unlocked():
    """The database counts without the lock of the project."""
    [(text,)] = sql.tuples(FUNCTION)
    with as_owner():
        sql.rows(text.replace("PERFORM pg_advisory_xact_lock", "PERFORM greatest").replace("%", "%%"))
    yield
    with as_owner():
        sql.rows(text.replace("%", "%%"))


def leave_and_enter(project, operator, *, waits):
    """One ticket leaves the full phase, and meanwhile another comes in past the limit."""
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    first, second = standing_free(project, workflow, 2, operator)
    Ticket.objects.move(first.pk, "REVIEW", by=operator)
    enter = partial(Ticket.objects.move, second.pk, "REVIEW", by=operator, past_limit=True)
    with meanwhile(enter, waits=waits) as other:
        Ticket.objects.move(first.pk, "DONE", by=operator)
        sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
    other.answer()
    return PhaseHold.objects.get().is_full


def test_who_counts_last_sees_what_the_other_did(project, operator):
    assert leave_and_enter(project, operator, waits=True)
    assert stored() == [True]


def test_without_the_lock_it_would_be_wrong_until_a_sweep_comes_by(project, operator, unlocked):
    assert not leave_and_enter(project, operator, waits=False)
    assert [watch_phases(), watch_phases()] == [1, 0]
    assert stored() == [True]


def test_a_sweep_finds_out_who_has_waited_too_long(project, operator):
    workflow = reviewing(project, limit=9, holds=["MAKE"], oldest_s=3600)
    first, _ = standing_free(project, workflow, 2, operator)
    Ticket.objects.move(first.pk, "REVIEW", by=operator)
    age(first, 3700)
    assert [watch_phases(), watch_phases()] == [1, 0]
    assert PhaseHold.objects.get().waits

    Task.objects.add(first, [TaskSpec("look once more")], by=operator)
    assert watch_phases() == 1
    assert not PhaseHold.objects.get().waits
