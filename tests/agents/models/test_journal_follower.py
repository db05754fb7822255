"""A follower gets a NOTIFY only while it is asleep, and misses nothing that was committed without one."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time

import psycopg
import pytest
from django.conf import settings

from agents.models import Key
from agents.models.journal_follower import JournalFollower
from omoi_site.database import location, sql
from omoi_site.serving import journal_listener
from omoi_site.serving.journal_change import Change
from omoi_site.serving.journal_listener import JournalListener
from omoi_site.serving.live_hub import Hub
from tests.support import cluster
from tests.support.wait import until

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = (
    "INSERT INTO agents_event (topic, subject, number, kind, actor, key, data, reason)"
    " VALUES (%s, '', 1, 'test.written', 'system:test', '', '{}', '')"
)
AWAKE, ASLEEP = [{"asleep": False}], [{"asleep": True}]


def connect(**options):
    return psycopg.connect(cluster.environment()["DATABASE_URL"], **options)


def write(link, topic="agent:x"):
    link.execute(WRITE, [topic])


def states():
    """Of the followers whose connection is open."""
    return sql.rows(
        "SELECT asleep FROM agents_journal_follower JOIN pg_stat_activity USING (pid, backend_start)"
    )


class Link:
    """A connection of a follower, driven step by step."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.journal = JournalFollower()
        self.link = self.run(
            psycopg.AsyncConnection.connect(**location.libpq(settings.DATABASES["default"]), autocommit=True)
        )
        self.run(self.journal.listen(self.link))

    def run(self, act):
        return self.loop.run_until_complete(act)

    def wake_up(self):
        self.run(self.journal.wake_up(self.link))

    def fall_asleep(self):
        return self.run(self.journal.fall_asleep(self.link))

    def look(self, cursor=""):
        return self.run(self.journal.look(self.link, cursor))

    def forget_ended(self):
        self.run(self.journal.forget_ended(self.link))

    def rings(self):
        """How many came; at least one must come."""

        async def read():
            return [ring async for ring in self.link.notifies(timeout=10, stop_after=1)]

        return len(self.run(read()))

    def close(self):
        if not self.loop.is_closed():
            self.run(self.link.close())
            self.loop.close()


@pytest.fixture
def follow():
    """Makes followers, and closes them."""
    made = []

    def make():
        made.append(Link())
        return made[-1]

    yield make
    for link in made:
        link.close()


class Witness(Hub):
    """A hub that keeps when it was told of which topic."""

    def __init__(self):
        super().__init__()
        self.heard = {}
        self.looks = 0

    async def ring(self, change):
        self.looks += 1
        for topic in change.topics or ():
            self.heard.setdefault(topic, time.monotonic())
        await super().ring(change)


class Following:
    """Listeners at work in a loop of their own, each with its own connection and hub."""

    def __init__(self, count=1):
        self.hubs = [Witness() for _ in range(count)]

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self.loop).result()
        self.until(lambda: all(hub.looks for hub in self.hubs))
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def start(self):
        async def recheck(link, hub): ...

        address = location.libpq(settings.DATABASES["default"])
        self.listeners = [
            JournalListener(hub, JournalFollower(), recheck, lambda: address, lambda: None)
            for hub in self.hubs
        ]
        for listener in self.listeners:
            listener.start()

    async def stop(self):
        for listener in self.listeners:
            await listener.stop()

    def until(self, condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (states(), [hub.looks for hub in self.hubs])
            time.sleep(0.005)

    def heard(self, topic):
        return all(topic in hub.heard for hub in self.hubs)

    def wake_up(self):
        """Write until all are awake."""
        with connect(autocommit=True) as link:
            self.until(lambda: write(link) or states() == AWAKE * len(self.hubs))


@pytest.fixture(autouse=True)
def nobody_follows():
    sql.rows("DELETE FROM agents_journal_follower")


@pytest.fixture
def held_up():
    """While it is entered, no follower can commit that it falls asleep or wakes up."""
    with cluster.owner() as link, connect() as holder:
        link.execute(
            """CREATE FUNCTION testing.hold() RETURNS trigger LANGUAGE plpgsql
               AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$"""
        )
        link.execute(
            "CREATE TRIGGER held_up AFTER UPDATE ON agents_journal_follower EXECUTE FUNCTION testing.hold()"
        )

        @contextlib.contextmanager
        def hold():
            with holder.transaction():
                holder.execute("SELECT pg_advisory_xact_lock(7)")
                yield

        yield hold()
        link.execute("DROP FUNCTION testing.hold() CASCADE")


@pytest.fixture
def only_rings(monkeypatch):
    """Without a ring, or a transaction it waits for, a listener looks no more."""
    monkeypatch.setattr(journal_listener, "QUIET_S", 60.0)
    monkeypatch.setattr(journal_listener, "AWAKE_S", 0.1)


def test_a_follower_gets_a_notify_only_while_it_is_asleep(follow):
    first = follow()
    with connect(autocommit=True) as writer:
        write(writer)
        assert first.rings() == 1
        first.wake_up()
        for _ in range(3):
            write(writer)
        first.fall_asleep()
        write(writer)
        assert first.rings() == 1

        second = follow()
        second.wake_up()
        write(writer)
        assert second.rings() == 1  # the first one is asleep


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_writer_with_an_older_snapshot_always_rings(follow, level):
    follower = follow()
    follower.wake_up()
    with connect() as writer:
        writer.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        writer.execute("SELECT FROM agents_event")
        follower.fall_asleep()  # which the writer cannot see
        write(writer)
        writer.commit()
        assert follower.rings() == 1


def test_a_transaction_that_began_while_a_follower_fell_asleep_is_known_to_be_open(follow, held_up):
    follower, numbers = follow(), []
    follower.wake_up()
    falling = threading.Thread(target=lambda: numbers.append(follower.fall_asleep()))
    with connect() as writer:
        with held_up:
            falling.start()
            until(lambda: sql.rows("SELECT pid FROM pg_locks WHERE NOT granted"))
            write(writer)  # newer than the transaction that is about to say "asleep", and without a ring
        falling.join()
        change = follower.look()
        assert change.oldest_open <= numbers[0]
        writer.commit()
    assert follower.look(change.cursor).topics == {"agent:x"}
    assert follower.look().oldest_open > numbers[0]


def test_what_commits_after_the_follower_fell_asleep_is_heard_without_a_ring(only_rings):
    with Following() as following, connect() as writer, connect() as idle:
        following.wake_up()
        write(writer, "agent:late")
        idle.execute("SELECT pg_current_xact_id()")  # which never ends
        following.until(lambda: states() == ASLEEP)  # it does not stay awake for them
        [hub] = following.hubs
        following.until(lambda asleep=hub.looks: hub.looks > asleep)
        assert not following.heard("agent:late")
        writer.commit()
        following.until(lambda: following.heard("agent:late"))


def test_a_follower_that_sleeps_looks_no_more(only_rings, monkeypatch):
    with Following() as following, connect(autocommit=True) as writer:
        following.wake_up()
        following.until(lambda: states() == ASLEEP)
        waits = []
        longest = journal_listener.SleepMode.longest_wait
        monkeypatch.setattr(
            journal_listener.SleepMode,
            "longest_wait",
            lambda *asked: waits.append(longest(*asked)) or waits[-1],
        )
        write(writer, "agent:last")
        following.until(lambda: following.heard("agent:last") and waits)
        assert waits == [60.0]


def test_a_look_says_when_rights_have_changed(follow, ada, operator):
    follower, said = follow(), []
    follower.journal.rights_changed = lambda: said.append(True)
    key, _ = Key.objects.issue(by=operator, agent=ada)
    cursor = follower.look(follower.look().cursor).cursor
    said.clear()  # the first look knows nothing

    with connect(autocommit=True) as writer:
        write(writer)
    cursor = follower.look(cursor).cursor
    assert not said

    Key.objects.filter(pk=key.pk).revoke(by=operator)
    follower.look(cursor)
    assert said


def test_rings_for_others_do_not_pile_up_while_a_follower_is_awake(follow):
    follower, _sleeper = follow(), follow()
    mode = journal_listener.SleepMode(follower.journal, follower.link)
    follower.run(mode.wake_up())
    with connect(autocommit=True) as writer:
        for _ in range(5):
            write(writer)  # it rings for the one that sleeps, and is delivered to both
            follower.run(mode.pause(Change(frozenset({"agent:x"}), "")))

    async def unread():
        return [ring async for ring in follower.link.notifies(timeout=0)]

    assert len(follower.run(unread())) <= 1


def test_a_follower_whose_connection_ended_gets_no_notify(follow):
    ended, other = follow(), follow()
    ended.close()
    sql.rows(
        """INSERT INTO agents_journal_follower
           SELECT pid, backend_start - interval '1 day', true FROM pg_stat_activity
           WHERE pid = pg_backend_pid()"""
    )
    until(lambda: other.forget_ended() or len(sql.rows("SELECT pid FROM agents_journal_follower")) == 1)
    assert states() == ASLEEP


@pytest.mark.full
def test_no_event_is_missed_beside_writers_that_are_late_and_roll_back(only_rings, monkeypatch):
    monkeypatch.setattr(journal_listener, "BUSY", 1)  # awake at once, to fall asleep again and again
    committed, lock = {}, threading.Lock()

    def work(name):
        chance = random.Random(name)
        with connect() as link:
            for number in range(90):
                topic = f"agent:{name}-{number}"
                for _ in range(chance.randint(1, 3)):
                    write(link, topic)
                # some in a row, then one that is open while the listeners fall asleep
                last = number % 9 == 8
                link.execute("SELECT pg_sleep(%s)", [0.3 if last else chance.choice([0, 0.02])])
                if not last and chance.random() < 0.1:
                    link.rollback()
                    continue
                link.commit()
                with lock:
                    committed[topic] = time.monotonic()
                if last:
                    link.execute("SELECT pg_sleep(%s)", [chance.random()])
                    link.rollback()

    with Following(3) as following:
        for writers in (6, 2, 1):
            threads = [threading.Thread(target=work, args=[f"{writers}-{n}"]) for n in range(writers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            following.until(lambda: all(following.heard(topic) for topic in committed))
        late = sorted(hub.heard[topic] - at for hub in following.hubs for topic, at in committed.items())
    assert set().union(*(hub.heard for hub in following.hubs)) == committed.keys()
    print(f"{len(committed)} transactions: p50 {late[len(late) // 2]:.3f} s, worst {late[-1]:.3f} s")
    assert late[-1] < 2
