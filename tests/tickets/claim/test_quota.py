"""What failures make of the pools whose limit they met."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Event, Pool
from tickets.models import Outcome, Task, TaskSpec

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 20  # of a settlement that closes two pools, with those of its savepoints


@pytest.fixture
def pools(ada, operator):
    """Two pools that ada names."""
    made = [Pool.objects.create_pool(name, by=operator) for name in ("one", "two")]
    Agent.objects.filter(pk=ada.pk).update(pools=["one", "two"], capacity=100)
    return made


def hours(number):
    return timezone.now() + timedelta(hours=number)


def held(ticket, ada, operator, number):
    Task.objects.add(ticket, [TaskSpec(str(n)) for n in range(number)], by=operator)
    return Task.objects.claim(by=ada, limit=number)


def limited(claim, resets_at=None, error="429"):
    return Outcome(claim.task, claim.fence, "failed", error=error, kind="rate_limited", resets_at=resets_at)


@pytest.mark.parametrize("number", [1, 30])
def test_many_failures_at_once_write_each_pool_once(ticket, ada, operator, pools, number):
    """Also where each tells of a later time."""
    claims = held(ticket, ada, operator, number)
    outcomes = [limited(claim, hours(place / 2), str(place)) for place, claim in enumerate(claims, 1)]

    with CaptureQueriesContext(connection) as sent:
        Task.objects.settle(outcomes, by=ada)

    events = Event.objects.filter(kind="pool.closed").values_list("subject", "reason")
    assert sorted(events) == [("pool:one", str(number)), ("pool:two", str(number))]
    assert len(sent) <= MOST_STATEMENTS


@pytest.mark.parametrize("order", [1, -1])
def test_of_failures_at_once_the_latest_time_counts(ticket, ada, operator, pools, order):
    """A failure without a time says less than one with, and the probe does not shorten what another says."""
    first, *others = held(ticket, ada, operator, 3)
    Pool.objects.update(
        closed_at=hours(-1), resets_at=hours(-0.5), probe_task=first.task, probe_fence=first.fence
    )
    latest = hours(3)
    outcomes = [limited(first), limited(others[0], latest), limited(others[1], hours(2))]

    Task.objects.settle(outcomes[::order], by=ada)

    assert set(Pool.objects.values_list("resets_at", "probe_task")) == {(latest, None)}


def test_what_met_a_limit_is_promoted_as_if_it_had_not_been_claimed(ticket, ada, operator, pools):
    [claim] = held(ticket, ada, operator, 1)
    promoted = Task.objects.get(pk=claim.task).promote_at

    Task.objects.settle([limited(claim)], by=ada)

    assert promoted is not None
    assert Task.objects.get(pk=claim.task).promote_at == promoted
