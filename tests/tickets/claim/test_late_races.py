"""A late completion and what happens at the same time: exactly one of the two wins."""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.support.concurrency import meanwhile, race
from tests.tickets.claim.test_late_completions import lapses, lease_ends, on
from tickets.models import Outcome, Task, TaskSpec

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = [
    pytest.param(30, id="30"),
    pytest.param(150, id="150", marks=pytest.mark.full),
    pytest.param(500, id="500", marks=pytest.mark.campaign),
]


@pytest.fixture
def claim(task, ada):
    [claim] = Task.objects.claim(by=ada)
    return claim


def complete(claim, by):
    [settled] = Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=by)
    return settled


def state(claim) -> str:
    return Task.objects.get(pk=claim.task).state


def test_a_claim_before_it_wins(claim, ada, bob):
    lapses(claim)
    with meanwhile(lambda: complete(claim, ada)) as late:
        [new] = Task.objects.claim(by=bob)
    assert late.answer().lost
    task = Task.objects.get(pk=claim.task)
    assert (task.holder, task.fence) == (bob, new.fence)


def test_a_claim_after_it_finds_nothing(claim, ada, bob):
    lapses(claim)
    with meanwhile(lambda: Task.objects.claim(by=bob), waits=False) as other:
        assert complete(claim, ada).late
    assert other.answer() == []
    assert state(claim) == "completed"


def test_a_lapse_before_it_changes_nothing(claim, ada):
    lease_ends(claim)
    with meanwhile(lambda: complete(claim, ada)) as late:
        assert Task.objects.lapse() == 1
    assert late.answer().late
    assert state(claim) == "completed"


def test_a_lapse_after_it_finds_nothing(claim, ada):
    lease_ends(claim)
    with meanwhile(Task.objects.lapse, waits=False) as sweep:
        assert complete(claim, ada).late
    assert sweep.answer() == 0
    assert state(claim) == "completed"


def test_a_block_before_it_refuses_it(claim, ticket, ada, operator):
    lapses(claim)
    with meanwhile(lambda: complete(claim, ada)) as late:
        on(ticket, "block", by=operator, reason="stuck", cause="clarification")
    assert late.answer().lost
    assert state(claim) == "pending"


def test_a_ticket_sent_back_before_it_refuses_it(claim, ticket, ada, operator):
    lapses(claim)
    with meanwhile(lambda: complete(claim, ada)) as late:
        on(ticket, "send_back", "TODO", by=operator, reason="once more")
    assert late.answer().lost
    assert state(claim) == "pending"


def test_a_claim_taken_back_before_it_refuses_it(claim, ada):
    sql.rows(
        "UPDATE tickets_task SET activity = 'x', active_at = active_at - interval '1 h',"
        " lease_look_at = clock_timestamp()"
    )
    with meanwhile(lambda: complete(claim, ada)) as late:
        assert Task.objects.stall() == 1
    assert late.answer().lost


def test_a_new_mark_before_the_sweep_keeps_the_claim(claim, ada):
    sql.rows(
        "UPDATE tickets_task SET activity = 'x', active_at = active_at - interval '1 h',"
        " lease_look_at = clock_timestamp()"
    )
    with meanwhile(Task.objects.stall, waits=False) as sweep:
        kept, _ = Task.objects.renew([(claim.task, claim.fence)], by=ada, marks=["y"])
    assert kept
    assert sweep.answer() == 0
    assert Task.objects.stall() == 0
    assert state(claim) == "claimed"


@pytest.mark.parametrize("tries", TRIES)
def test_of_a_claim_and_a_completion_at_the_same_moment_one_wins(ticket, ada, bob, operator, tries):
    Agent.objects.filter(pk__in=[ada.pk, bob.pk]).update(capacity=2 * tries)
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(tries)], by=operator)
    claims = Task.objects.claim(by=ada, limit=tries)
    for claim in claims:
        lease_ends(claim)
    while Task.objects.lapse():
        pass
    answers = race(
        tries, lambda turn: complete(claims[turn], ada), lambda turn: Task.objects.claim(by=bob, limit=1)
    )
    granted = {claim.task for _, found in answers for claim in found}
    taken = {settled.task for settled, _ in answers if not settled.lost}
    assert not granted & taken
    assert len(taken) + Task.objects.filter(holder=bob).count() + Task.objects.ready().count() == tries
    assert {task.pk for task in Task.objects.filter(state="completed")} == taken
