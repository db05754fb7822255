"""What an agent holds counts for its capacity, however it came to hold it."""

from __future__ import annotations

import pytest

from agents.models import Agent, Event
from omoi_site.database import sql
from tests.factories import complete
from tests.support.concurrency import meanwhile
from tickets.models import CapacityFull, LatestGrant, Outcome, Task, TaskSpec
from tickets.runtime.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def six(ticket, ada, operator):
    """Six ready tasks, of which an agent with a capacity of five can take five."""
    return Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(6)], by=operator)


def give(tasks, agent, *, since):
    """Make `agent` the holder of these tasks otherwise than by a claim."""
    sql.rows(
        f"""
        UPDATE tickets_task
        SET
          state = 'claimed',
          holder_id = %s,
          fence = fence + 1,
          claimed_at = clock_timestamp() - interval '{since}',
          lease_expires_at = clock_timestamp() + interval '60 s'
        WHERE id = ANY (%s)
        """,
        [agent.pk, [task.pk for task in tasks]],
    )


def test_tasks_given_to_an_agent_with_an_earlier_time_count(six, ada):
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    give(six[1:], ada, since="1 h")

    with pytest.raises(CapacityFull):
        Task.objects.claim(by=ada)


@pytest.mark.django_db(transaction=True)
def test_tasks_given_while_the_agent_claims_count(six, ada):
    with meanwhile(lambda: Task.objects.claim(by=ada)) as claiming:
        give(six[2:], ada, since="1 h")

    assert len(claiming.answer()) == 1
    with pytest.raises(CapacityFull):
        Task.objects.claim(by=ada)


def test_a_task_held_for_long_counts_however_much_was_done_meanwhile(six, ada):
    Agent.objects.filter(pk=ada.pk).update(capacity=2)
    Task.objects.claim(by=ada)
    for _ in range(3):
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)

    oldest = Task.objects.get(holder=ada).claimed_at
    assert LatestGrant.objects.get().oldest_held == oldest
    assert len(Task.objects.claim(by=ada, limit=2)) == 1


def test_only_the_latest_grant_of_an_agent_is_kept(six, ada, bob):
    for agent in (ada, bob, ada, ada, bob):
        assert Task.objects.claim(by=agent)
    assert LatestGrant.objects.count() == 2


def test_a_grant_from_before_a_restored_backup_keeps_nobody_from_claiming(six, ada):
    """The numbers of its transactions may be higher than those of the new server will be for years."""
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    sql.rows("UPDATE tickets_latestgrant SET xid = '1099511627776'")

    assert len(Task.objects.claim(by=ada)) == 1
    assert len(Task.objects.claim_at_once(by=ada, limit=2)) == 2
    sql.rows("UPDATE tickets_latestgrant SET xid = '1099511627776'")
    held = [
        Outcome(*claim, "completed") for claim in Task.objects.filter(holder=ada).values_list("pk", "fence")
    ]
    assert len(Task.objects.settle_and_claim(held[:1], by=ada, limit=9)[1]) == 2


def test_a_bound_that_would_hide_what_is_held_is_mended_with_an_alarm(six, ada):
    Task.objects.claim(by=ada, limit=5)
    Clock().turn()
    assert not Event.objects.filter(kind="alarm.raised").exists()
    sql.rows("UPDATE tickets_latestgrant SET oldest_held = clock_timestamp() + interval '1 h'")
    Clock().turn()
    assert LatestGrant.objects.recheck() == 0

    [alarm] = Event.objects.filter(kind="alarm.raised")
    assert alarm.subject == "agent:ada"
    assert alarm.data["now"]["oldest_held"] < alarm.data["was"]["oldest_held"]
    with pytest.raises(CapacityFull):
        Task.objects.claim(by=ada)
