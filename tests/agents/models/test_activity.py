"""When agents were last heard from and keys last used is gathered, and written together."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from agents.models import AgentPresence, Key
from agents.models.activity import Activity
from omoi_site.database import sql
from omoi_site.database.roles import as_owner


@pytest.fixture
def key(ada, operator):
    return Key.objects.issue(by=operator, agent=ada)[0]


@pytest.fixture
def gathering():
    activity = Activity()
    activity.gathers = True
    return activity


def silent(agent, seconds=60):
    sql.rows(
        "UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - %s * interval '1 s'"
        " WHERE agent_id = %s",
        [seconds, agent.pk],
    )


def seen_s_ago(agent):
    [row] = sql.rows(
        "SELECT extract(epoch FROM clock_timestamp() - last_seen_at)::float8 AS age"
        " FROM agents_agentpresence WHERE agent_id = %s",
        [agent.pk],
    )
    return row["age"]


@pytest.mark.django_db
def test_many_requests_of_many_agents_are_written_in_two_statements(
    ada, bob, key, operator, gathering, django_assert_num_queries
):
    silent(ada), silent(bob)
    other = Key.objects.issue(by=operator, agent=bob)[0]
    with django_assert_num_queries(0):
        for _ in range(50):
            gathering.note(ada, key.pk), gathering.note(bob, other.pk)
    with django_assert_num_queries(2):
        gathering.write()
    assert seen_s_ago(ada) < 50
    assert Key.objects.exclude(last_used_at=None).count() == 2
    with django_assert_num_queries(0):
        gathering.note(ada, key.pk)  # heard from a moment ago
        gathering.write()


@pytest.mark.django_db
def test_it_is_written_as_of_when_it_was(ada, key, gathering):
    silent(ada)
    gathering.note(ada, key.pk)
    gathering.unwritten = {what: at - 20 for what, at in gathering.unwritten.items()}
    gathering.write()
    assert 20 <= seen_s_ago(ada) < 60


@pytest.mark.django_db
def test_a_process_that_does_not_gather_writes_at_once(ada, key):
    silent(ada)
    Activity().note(ada, key.pk)
    assert seen_s_ago(ada) < 50
    key.refresh_from_db()
    assert key.last_used_at


@pytest.mark.django_db
def test_an_agent_that_is_gone_does_not_stop_the_others(ada, bob, key, gathering):
    silent(ada)
    gathering.note(ada, key.pk), gathering.note(bob, 0)
    AgentPresence.objects.filter(agent=bob).delete()
    bob.pk = 0  # what was noted stays
    gathering.unwritten = {
        (kind, pk if pk == ada.pk else 0): at for (kind, pk), at in gathering.unwritten.items()
    }
    gathering.write()
    assert seen_s_ago(ada) < 50


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_written_is_kept(ada, key, gathering):
    silent(ada)
    gathering.note(ada, key.pk)
    with as_owner():
        sql.rows("ALTER TABLE agents_agentpresence RENAME TO away")
    try:
        with pytest.raises(DatabaseError):
            gathering.write()
    finally:
        with as_owner():
            sql.rows("ALTER TABLE away RENAME TO agents_agentpresence")
    gathering.write()
    assert seen_s_ago(ada) < 50
