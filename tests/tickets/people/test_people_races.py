"""People and agents at the same time: exactly one wins, and everybody is told the truth."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Agent, Member
from agents.models.journal_changes import changed_since
from omoi_site.errors import Forbidden
from tests.support.concurrency import Act, meanwhile, race
from tests.support.wait import until
from tickets.models import Freeze, Outcome, Task, TaskSpec
from tickets.models.claim.assign import NotAssignable
from tickets.models.claim.wake_up import wait_keys

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = [
    pytest.param(15, id="15"),
    pytest.param(75, id="75", marks=pytest.mark.full),
    pytest.param(300, id="300", marks=pytest.mark.campaign),
]


def assign(task, by, to="me"):
    return Task.objects.assign(task.pk, by=by, to=to, reason="now")


def complete(task, by, fence=1):
    [settled] = Task.objects.settle([Outcome(task.pk, fence, "completed")], by=by, reason="done")
    return settled


def held(task):
    row = Task.objects.select_related("holder").get(pk=task.pk)
    return row.holder and row.holder.name


def only_works(person):
    """The person, as if with a key that allows no more than to work."""
    person.key_scopes = frozenset({"work"})
    return person


def test_a_claim_leaves_out_what_a_person_is_taking(task, eve, ada):
    with meanwhile(lambda: Task.objects.claim(by=ada), waits=False) as claim:
        assign(task, eve)
    assert claim.answer() == []
    assert held(task) == "user:eve"


def test_who_waits_for_a_claim_takes_nothing(task, eve, ada):
    with meanwhile(lambda: assign(task, only_works(eve))) as take:
        [claim] = Task.objects.claim(by=ada)
    with pytest.raises(Forbidden):
        take.answer()
    assert (held(task), Task.objects.get(pk=task.pk).fence) == ("ada", claim.fence)


@pytest.mark.parametrize("tries", TRIES)
def test_of_a_person_and_an_agent_exactly_one_wins(ticket, eve, ada, operator, tries):
    Agent.objects.filter(pk=ada.pk).update(capacity=1000)
    tasks = Task.objects.add(ticket, [TaskSpec(str(n)) for n in range(tries)], by=operator)
    only_works(eve)
    answers = race(
        tries,
        lambda n: assign(tasks[n], eve),
        lambda n: [claim.task for claim in Task.objects.claim(by=ada)],
    )
    claimed = [pk for _, pks in answers for pk in pks]
    for task, (taken, _) in zip(tasks, answers, strict=True):
        row = Task.objects.get(pk=task.pk)
        assert isinstance(taken, Forbidden) == (row.holder_id == ada.pk) == (task.pk in claimed)
        assert (row.state, row.fence, row.attempts) == ("claimed", 1, 1) or row.state == "pending"


def test_two_people_take_it_and_the_second_learns_of_the_first(task, eve, dan):
    with meanwhile(lambda: assign(task, only_works(dan))) as second:
        assign(task, eve)
    with pytest.raises(Forbidden):
        second.answer()
    assert held(task) == "user:eve"


def test_a_person_settles_twice_at_once(task, eve):
    assign(task, eve)
    with meanwhile(lambda: complete(task, eve)) as again:
        assert complete(task, eve).state == "completed"
    assert again.answer().repeated


def test_two_operators_reassign_it_at_once(task, eve, dan, ada, bob):
    assign(task, eve)
    with meanwhile(lambda: assign(task, dan, "bob")) as second:
        first = assign(task, eve, "ada")
    assert (first.fence, second.answer().fence) == (2, 3)
    assert held(task) == "bob"
    assert Task.objects.claim(by=ada) == []
    [claim] = Task.objects.claim(by=bob)
    assert (claim.task, claim.fence) == (task.pk, 3)


@pytest.mark.parametrize("tries", TRIES)
def test_reassigned_both_ways_at_once_it_has_one_holder(task, eve, dan, ada, bob, tries):
    race(
        tries,
        lambda n: assign(task, eve, ["ada", "bob", "me"][n % 3]),
        lambda n: assign(task, dan, ["bob", "me", "ada"][n % 3]),
        lambda n: Task.objects.claim(by=ada),
    )
    row = Task.objects.get(pk=task.pk)
    assert row.state == "claimed"
    assert row.attempts == 1


def test_a_settlement_before_the_reassignment_wins(task, eve, dan):
    assign(task, eve)
    with meanwhile(lambda: assign(task, dan)) as other:
        complete(task, eve)
    with pytest.raises(NotAssignable, match="completed"):
        other.answer()


def test_a_reassignment_before_the_settlement_wins(task, eve, dan):
    assign(task, eve)
    with meanwhile(lambda: complete(task, eve)) as late:
        assign(task, dan)
    assert late.answer().lost.more["holder"] == "user:dan"


def test_a_claim_that_waits_for_an_assignment_delivers_it(task, eve, ada):
    with meanwhile(lambda: Task.objects.claim(by=ada)) as claim:
        assign(task, eve, "ada")
    [delivered] = claim.answer()
    assert (delivered.task, delivered.fence) == (task.pk, 1)


def test_two_claims_at_once_deliver_it_once(task, eve, ada):
    assign(task, eve, "ada")
    [answers] = race(1, lambda n: Task.objects.claim(by=ada), lambda n: Task.objects.claim(by=ada))
    assert sorted(len(claims) for claims in answers) == [0, 1]


@pytest.mark.parametrize("tries", TRIES)
def test_assigned_and_claimed_at_once_nobody_holds_more_than_they_can(ticket, eve, ada, operator, tries):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    for _ in range(tries):
        one, other = Task.objects.add(ticket, [TaskSpec("1"), TaskSpec("2")], by=operator)
        race(1, lambda n, other=other: assign(other, eve, "ada"), lambda n: Task.objects.claim(by=ada))
        mine = Task.objects.filter(holder=ada)
        assert mine.count() == 1
        Task.objects.filter(pk__in=[one.pk, other.pk]).cancel(by=operator, reason="over")


def test_a_role_removed_before_refuses_the_settlement(task, eve, project, operator):
    assign(task, eve)
    Member.objects.set(project, eve, "viewer", by=operator)
    with pytest.raises(Forbidden):
        complete(task, eve)
    assert held(task) == "user:eve"


def test_a_freeze_waits_for_who_is_taking_and_holds_for_the_next(task, ticket, eve, operator):
    [other] = Task.objects.add(ticket, [TaskSpec("Other")], by=operator)
    freeze = Act(lambda: Freeze.objects.freeze(by="system:test", reason="Stop"))
    with transaction.atomic():
        assign(task, eve)
        freeze.start()
        until(Freeze.objects.exists)
        assert freeze.is_alive()
    assert freeze.answer().in_force
    assert held(task) == "user:eve"
    with pytest.raises(NotAssignable):
        assign(other, eve)


def test_what_a_person_holds_stays_theirs_when_a_freeze_takes_back_the_rest(task, ticket, eve, ada, operator):
    Task.objects.add(ticket, [TaskSpec("Other")], by=operator)
    assign(task, eve)
    Task.objects.claim(by=ada)
    done = Freeze.objects.freeze(by="system:test", reason="Stop", stop_held=True, wait_s=0)
    assert (done.stopped, held(task)) == (1, "user:eve")
    assert complete(task, eve).state == "completed"


def test_no_sweep_takes_from_a_person(task, eve):
    Task.objects.filter(pk=task.pk).update(timeout_s=1, stall_after_s=1)
    assign(task, eve)
    Task.objects.filter(pk=task.pk).update(claimed_at="2020-01-01T00:00Z", started_at="2020-01-01T00:00Z")
    for sweep in ("lapse", "stall", "look_later", "time_out", "wake", "promote"):
        assert getattr(Task.objects, sweep)() == 0
    assert held(task) == "user:eve"


def test_a_claim_that_waits_for_work_hears_of_what_is_assigned_to_it(task, eve, ada):
    cursor = changed_since("").cursor
    assign(task, eve, "ada")
    assert changed_since(cursor).waking == {"agent:ada"}
    assert "agent:ada" in wait_keys(by=ada)
