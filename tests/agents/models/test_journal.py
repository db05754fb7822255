"""Followers and the history skip no event and repeat none, even where reading by id would skip some."""

from __future__ import annotations

import contextlib
import json
import random
import threading

import psycopg
import pytest

from agents.models import Event, ResyncRequired, event
from agents.models.journal import page_json, page_params, page_statement
from agents.models.journal_changes import changed_since
from agents.models.json_page import reader_params
from bench.claim import measure
from omoi_site.database import sql
from omoi_site.errors import Malformed
from tests.support import cluster

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = (
    "INSERT INTO agents_event (topic, subject, number, kind, actor, key, data, reason) VALUES (%s, %s, %s,"
    " 'test.written', 'system:test', '', '{}', '') RETURNING id"
)


@contextlib.contextmanager
def writer():
    """A separate connection in a transaction."""
    with psycopg.connect(cluster.environment()["DATABASE_URL"]) as link:
        yield link


def write(link, number, topic="ticket:OMO-1"):
    return link.execute(WRITE, [topic, topic, number]).fetchone()[0]


def numbers(events):
    return [event.number for event in events]


@pytest.fixture
def history(operator):
    """Reads the history as clients do: events, and the position of the last one."""

    def read(after="", *, by=operator, limit=50, **what):
        events = json.loads(page_json(by=by, after=after, limit=limit, **what).results)
        return events, events[-1]["cursor"] if events else after

    return read


def everything(cursor, **asked):
    """All events that a follower gets from `cursor` on, two per look, and its last cursor."""
    heard = []
    while True:
        some, cursor = Event.objects.since(cursor, limit=2, **asked)
        heard += some
        if len(some) < 2:
            return heard, cursor


def test_what_was_committed_late_is_heard_by_both_readers_and_missed_by_a_bare_id(history):
    start = Event.objects.current_cursor()
    with writer() as slow, writer() as fast:
        first = write(slow, 1)
        second = write(fast, 2)
        fast.commit()

        heard, cursor = Event.objects.since(start)
        assert numbers(heard) == [2]  # the follower does not wait
        behind_it = list(Event.objects.filter(id__gt=second))
        told, place = history()
        assert told == []  # history does

        slow.commit()
    heard, cursor = Event.objects.since(cursor)
    assert numbers(heard) == [1]
    assert (behind_it, list(Event.objects.filter(id__gt=second))) == ([], [])
    assert first < second  # so a reader by id has missed it for ever
    told, _ = history(place)
    assert [event["number"] for event in told] == [1, 2]
    assert Event.objects.since(cursor) == ([], Event.objects.current_cursor())


def test_a_look_cut_short_goes_on_where_it_was_whatever_is_committed_meanwhile():
    start = Event.objects.current_cursor()
    with writer() as slow, writer() as fast:
        write(slow, 0)
        for number in range(1, 6):
            write(fast, number)
        fast.commit()
        some, cursor = Event.objects.since(start, limit=2)
        assert numbers(some) == [1, 2]
        slow.commit()  # of an earlier transaction than those already told
        write(fast, 6)
        fast.commit()

    heard, cursor = everything(cursor)
    assert numbers(heard) == [3, 4, 5]
    heard, cursor = everything(cursor)
    assert numbers(heard) == [0, 6]


def test_readers_miss_nothing_and_hear_nothing_twice_beside_many_writers(history):
    written: list[int] = []
    done = threading.Event()

    def work(seed):
        chance = random.Random(seed)
        with psycopg.connect(cluster.environment()["DATABASE_URL"]) as link:
            for _ in range(30):
                ids = [write(link, 1) for _ in range(chance.randint(1, 4))]
                link.execute("SELECT pg_sleep(%s)", [chance.random() * 0.02])
                if chance.random() < 0.1:
                    link.rollback()
                else:
                    link.commit()
                    written.extend(ids)

    followed: list[int] = []
    paged: list[int] = []
    bare: list[int] = []
    cursor, place = Event.objects.current_cursor(), ""
    writers = [threading.Thread(target=work, args=[seed]) for seed in range(8)]
    for each in writers:
        each.start()
    last_round = False
    while not last_round:
        last_round = done.is_set()
        some, cursor = Event.objects.since(cursor, limit=7)
        followed += [event.id for event in some]
        page, place = history(place, limit=7)
        paged += [int(event["cursor"].partition("_")[2]) for event in page]
        bare += list(
            Event.objects.filter(id__gt=bare[-1] if bare else 0).order_by("id").values_list("id", flat=True)
        )
        if some or page:
            last_round = False
        if not any(each.is_alive() for each in writers):
            done.set()

    assert sorted(followed) == sorted(written)
    assert sorted(paged) == sorted(written)
    assert len(set(bare)) < len(written), "the writers never overlapped: the test shows nothing"


def test_followers_hear_their_topics_and_a_project_rings_for_all_its_own(project, ticket, ada, history):
    start = Event.objects.current_cursor()
    ticket.record("ticket.edited", by=ada)
    ada.record("agent.edited", by=ada)

    def kinds(*topics):
        return [event.kind for event in Event.objects.since(start, topics)[0]]

    assert kinds("ticket:OMO-1") == ["ticket.edited"]
    assert kinds("project:OMO") == ["ticket.edited"]
    assert kinds("agent:ada", "ticket:OMO-1") == ["ticket.edited", "agent.edited"]
    assert kinds("project:NO") == []
    told, _ = history(topic="project:OMO", kind="ticket.opened")
    assert [event["kind"] for event in told] == ["ticket.opened"]
    assert changed_since(start).topics == {"ticket:OMO-1", "project:OMO", "agent:ada"}


def test_people_hear_of_their_own_projects_alone(project, ticket, ada, history, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    assert history(by=eve)[0] == []
    project.members.create(user=eve, role="viewer")
    assert {event["topic"] for event in history(by=eve)[0]} == {
        "project:OMO",
        "agent:ada",
        "ticket:OMO-1",
    }
    assert {event["topic"] for event in history(by=ada)[0]} == {
        "project:OMO",
        "agent:ada",
        "ticket:OMO-1",
    }


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "1",
        "1.2",
        "0.5.",
        "9.5.",
        "1.2.3",
        "5.9.8-7",
        "5.9.6-6",
        "1.2._1.2._1",
        "1:2:3",
        "9" * 19 + "." + "9" * 19 + ".",
        "1_2",
        "1.2.\n",
        "١.٢.",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor):
    with pytest.raises(Malformed):
        Event.objects.since(cursor)
    assert changed_since(cursor).topics is None


@pytest.mark.parametrize("cursor", ["x", "1", "1_", "1_2_3", "1.2.", "-1_2", "9" * 19 + "_1"])
def test_a_place_that_is_none_of_ours_is_refused(cursor, history):
    with pytest.raises(Malformed):
        history(cursor)


def test_a_follower_too_far_behind_is_told_where_to_start_again(ticket, monkeypatch):
    monkeypatch.setattr(event, "BEHIND", 5)
    start = Event.objects.current_cursor()
    for _ in range(6):
        ticket.record("ticket.edited", by="system:test")

    assert len(Event.objects.since(start, limit=10)[0]) == 6  # one look takes it all: no harm
    with pytest.raises(ResyncRequired) as refused:
        Event.objects.since(start, limit=3)
    assert Event.objects.since(refused.value.more["cursor"])[0] == []
    with pytest.raises(ResyncRequired):
        Event.objects.since("1000000000.1000000000.")


def test_a_look_far_from_the_beginning_reads_only_what_is_new(ticket, ada, operator, history):
    sql.rows(
        """INSERT INTO agents_event (topic, subject, number, kind, actor, key, data, reason)
           SELECT 'ticket:OMO-1', 'ticket:OMO-1', n, 'test.written', 'system:test', '', '{}', ''
            FROM generate_series(1, 20000) n"""
    )
    sql.rows("ANALYZE agents_event")
    cursor = Event.objects.current_cursor()
    _, place = history(limit=20_100)
    ticket.record("ticket.edited", by="system:test")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as told:
        Event.objects.since(cursor)
    for statement in (query["sql"] for query in told if 'FROM "agents_event"' in query["sql"]):
        plan = "\n".join(row["QUERY PLAN"] for row in sql.rows("EXPLAIN " + statement.replace("%", "%%")))
        assert "event_order" in plan, plan
        assert "Seq Scan on agents_event" not in plan
    for what in ({}, {"topic": "ticket:OMO-1"}, {"topic": "project:OMO"}):
        for reader in (ada, operator):
            params = {**reader_params(reader), **page_params(after=place, limit=50, **what)}
            assert sum(measure(page_statement(**what), params).values()) <= 60


def test_health_names_a_transaction_that_holds_history_back(ticket, monkeypatch):
    monkeypatch.setattr(event, "HELD_BACK_S", 0)
    with writer() as slow:
        write(slow, 1)
        said = Event.objects.health()
        pid = slow.info.backend_pid
    assert f"pid {pid}" in said
    assert "held back" in said
    monkeypatch.undo()
    assert Event.objects.health() == ""


def test_health_knows_how_long_a_transaction_of_another_role_is_open(ticket, monkeypatch):
    monkeypatch.setattr(event, "HELD_BACK_S", 0)
    with cluster.owner() as migrating, migrating.transaction():
        migrating.execute("SELECT pg_current_xact_id()")
        assert f"pid {migrating.info.backend_pid}" in Event.objects.health()
