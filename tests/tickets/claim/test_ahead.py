"""What a worker claims beyond what it runs, begins, and is told of."""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import install_profile
from tickets.models import CapacityFull, Edge, Need, Outcome, Task, TaskSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def w1():
    return Agent.objects.worker("w1", capacity=2)


def echoes(ticket, count, **more):
    specs = [TaskSpec(f"task {n}", profile="echo", slots={"text": "x"}, **more) for n in range(count)]
    return Task.objects.add(ticket, specs, by="system:test")


def begun():
    return Task.objects.filter(started_at__isnull=False).count()


def test_a_worker_holds_no_more_than_its_capacity_and_what_it_takes_ahead(ticket, w1):
    echoes(ticket, 9)

    assert len(Task.objects.claim(by=w1, limit=9)) == 2
    assert len(Task.objects.claim(by=w1, limit=9, ahead=3)) == 3
    with pytest.raises(CapacityFull):
        Task.objects.claim(by=w1, limit=9, ahead=3)


def test_what_is_claimed_to_begin_at_once_counts_as_started(ticket, w1):
    echoes(ticket, 4)

    Task.objects.claim(by=w1, limit=1)
    assert begun() == 0
    Task.objects.claim(by=w1, limit=1, starting=True)
    assert begun() == 1


def test_only_those_with_certain_profiles_are_started_with_their_claim(ticket, w1):
    echoes(ticket, 1)
    install_profile("quick", kind="python", callable="quick.run", reusable=True)
    Task.objects.add(ticket, [TaskSpec("quick", profile="quick")], by="system:test")

    claims = Task.objects.claim(by=w1, limit=2, starting_profiles=["quick"])

    assert {claim.profile: claim.started for claim in claims} == {"echo": False, "quick": True}
    assert begun() == 1


def test_many_are_started_at_once_and_what_is_lost_is_told(ticket, w1):
    echoes(ticket, 2)
    one, two = Task.objects.claim(by=w1, limit=2)
    Task.objects.release(two.task, two.fence, by=w1)

    lost = Task.objects.start_all([(one.task, one.fence), (two.task, two.fence)], by=w1)

    assert (lost, begun()) == ({two.task}, 1)


def test_the_timeout_of_what_waited_counts_from_its_start(ticket, w1):
    """It waited for 50 of its 60 s, and has 60 all the same."""
    [task] = echoes(ticket, 1, timeout_s=60)
    [claim] = Task.objects.claim(by=w1)
    sql.rows("UPDATE tickets_task SET timeout_at = timeout_at - interval '50 s'")

    Task.objects.start(claim.task, claim.fence, by=w1)
    task.refresh_from_db()
    assert (task.timeout_at - task.started_at).total_seconds() == pytest.approx(60, abs=1)

    sql.rows("UPDATE tickets_task SET timeout_at = timeout_at - interval '50 s'")
    Task.objects.start(claim.task, claim.fence, by=w1)  # begun already: nothing is set anew
    task.refresh_from_db()
    assert (task.timeout_at - task.started_at).total_seconds() == pytest.approx(10, abs=1)


@pytest.fixture
def messages(monkeypatch):
    """The actors of the hints that are sent."""
    sent = []
    monkeypatch.setattr("omoi_site.brokers.hints.send", lambda actor, ids=(): sent.append(actor))
    return sent


@pytest.mark.parametrize(("children", "told"), [(2, 0), (3, 1)])
def test_other_workers_are_told_only_of_what_was_not_granted_in_the_same_act(
    ticket, w1, messages, children, told
):
    first, *rest = echoes(ticket, 1 + children)
    Need.objects.add(ticket.project_id, [Edge(first.pk, child.pk) for child in rest], by="system:test")
    [claim] = Task.objects.claim(by=w1, limit=2)
    messages.clear()

    _, claims = Task.objects.settle_and_claim([Outcome(claim.task, claim.fence, "completed")], by=w1, limit=2)

    assert (len(claims), messages.count("work")) == (2, told)
