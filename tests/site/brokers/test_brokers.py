"""Hints are sent if their transaction commits, and no broker keeps an act waiting."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg_pool import ConnectionPool

from omoi_site.brokers import hints
from omoi_site.brokers.postgresql import Pool, connection_parameters
from omoi_site.brokers.sender import Sender
from omoi_site.database import sql
from tests.support import cluster, external
from tests.support.external import needs_library

committing = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(transactional_db):
    """The messages in the queue: (actor, args) of each."""
    sql.rows("DELETE FROM dramatiq.queue")
    return lambda: [
        (row["message"]["actor_name"], row["message"]["args"])
        for row in sql.rows("SELECT message FROM dramatiq.queue ORDER BY position")
    ]


@committing
def test_a_hint_is_sent_with_its_transaction_and_rolls_back_with_it(queue):
    with transaction.atomic():
        hints.send("work")
        assert queue() == []
    assert queue() == [("work", [])]

    with transaction.atomic():
        hints.send("advance_tickets", [1])
        transaction.set_rollback(True)

    assert queue() == [("work", [])]
    with transaction.atomic():
        pass
    assert queue() == [("work", [])]  # and it does not come back with the next transaction


@committing
def test_a_transaction_sends_one_message_for_each_actor_however_often_it_hints(queue):
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        for number in range(1000):
            hints.send("work")
            hints.send("advance_tickets", [number % 300])

    assert queue() == [("work", []), ("advance_tickets", [list(range(300))])]
    assert len([query for query in seen if "dramatiq" in query["sql"]]) == 2


@committing
def test_a_hint_outside_a_transaction_is_sent_at_once(queue):
    hints.send("advance_tickets", [7])
    assert queue() == [("advance_tickets", [[7]])]


@committing
def test_hints_that_no_worker_takes_are_forgotten(queue):
    hints.send("work")
    assert hints.forget_old() == 0
    sql.rows("UPDATE dramatiq.queue SET mtime = now() - interval '1 hour'")
    assert hints.forget_old() == 1
    assert queue() == []


@committing
@pytest.mark.full
def test_a_process_that_only_sends_has_no_thread_for_it():
    said = run_alone(
        "import threading; from django.db import transaction; from omoi_site.brokers import hints as broker\n"
        "with transaction.atomic(): broker.send('work')\n"
        "broker.send('work'); assert broker.health() == '', broker.health()\n"
        "print([thread.name for thread in threading.enumerate()])"
    )
    assert said == "['MainThread']"


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.parametrize(("scheme", "silent"), [("redis", True), ("amqp", False)])
@committing
def test_a_broker_that_is_away_neither_fails_an_act_nor_keeps_it_waiting(scheme, silent):
    needs_library({"redis": "redis", "amqp": "rabbitmq"}[scheme])
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes the connection and says nothing
        port = listener.getsockname()[1]
        if not silent:
            listener.close()
        said = run_alone(
            "import time; from django.db import transaction; from omoi_site.brokers import hints as broker\n"
            "from tests.site.brokers.test_brokers import slowest\n"
            "print(slowest(20))",
            BROKER_URL=f"{scheme}://127.0.0.1:{port}",
        )
    assert float(said) < 0.5


@pytest.mark.parametrize(("scheme", "name"), [("redis", "Redis"), ("amqp", "RabbitMQ")])
def test_health_says_that_a_broker_is_away(scheme, name, settings):
    needs_library(name.lower())
    settings.BROKER_URL = f"{scheme}://127.0.0.1:1"
    hints.get.cache_clear()
    try:
        assert hints.health().startswith(f"The broker {name} does not answer")
    finally:
        hints.get.cache_clear()


@pytest.mark.full
def test_a_broker_nobody_knows_is_refused_at_the_start():
    with pytest.raises(AssertionError, match="BROKER_URL begins with kafka"):
        run_alone("", BROKER_URL="kafka://127.0.0.1")


def test_what_could_not_be_sent_is_kept_joined_and_sent_later():
    sent, away = [], [True]

    def send(message):
        if away[0]:
            raise ConnectionError("nobody there")
        sent.append((message.actor_name, message.args))

    sender = Sender(send)
    sender.send({"advance_tickets": {1, 2}})
    sender.send({"advance_tickets": {3}, "work": set()})
    assert not sender.flush(0.1)
    away.clear()
    away.append(False)

    assert sender.flush(5)
    assert sorted(sent) == [("advance_tickets", ([1, 2, 3],)), ("work", ())]
    sender.stop()


def test_a_sender_sends_on_whatever_becomes_of_what_it_tells():
    sent = []
    sender = Sender(lambda message: sent.append(message.actor_name), lambda failed: 1 / 0)
    for number in (1, 2):
        sender.send({"work": set()})
        assert sender.flush(5)
        assert sent == ["work"] * number
    sender.stop()


def test_an_act_stands_where_no_thread_can_be_started(monkeypatch):
    sent = []
    sender = Sender(lambda message: sent.append(message.actor_name))
    with monkeypatch.context() as patch:
        patch.setattr(
            threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread"))
        )
        sender.send({"work": set()})
    assert not sent

    sender.send({"work": set()})

    assert sender.flush(5)
    assert sent == ["work"]
    sender.stop()


def test_no_thread_takes_the_pool_for_open_before_it_is(transactional_db, monkeypatch):
    """It would get no connection, and its message would be lost."""
    pool = Pool("", kwargs=connection_parameters, min_size=0, max_size=1, open=False)
    seen, opens = [], ConnectionPool.open
    monkeypatch.setattr(ConnectionPool, "open", lambda self: [seen.append(self.used), opens(self)])

    with pool.connection() as link:
        assert link.execute("SELECT 1").fetchone() == (1,)
    pool.close()

    assert seen == [False]


def test_a_sender_that_is_stopped_leaves_no_thread_whatever_it_still_has(caplog):
    tried = threading.Event()

    def send(message):
        tried.set()
        raise ConnectionError("nobody there")

    sender = Sender(send)
    sender.send({"work": set()})
    assert tried.wait(5)
    sender.stop(timeout=1)
    caplog.clear()
    sender.send({"work": set()})

    assert not sender.thread.is_alive()
    assert caplog.records == []


@committing
@pytest.mark.full
def test_a_process_that_ends_while_the_broker_is_away_says_nothing_after_its_end():
    """At its very end a thread that still tries would find the log closed."""
    needs_library("rabbitmq")
    left = (
        "import atexit, threading\n"
        "names = lambda: print([thread.name for thread in threading.enumerate()])\n"
        "atexit.register(names)\n"  # the last to be called, since it is the first to be registered
        "from omoi_site.brokers import hints as broker; broker.send('work')"
    )
    assert run_alone(left, BROKER_URL="amqp://127.0.0.1:1") == "['MainThread']"


@pytest.mark.parametrize(("required", "ends"), [("redis, rabbitmq", pytest.fail), ("redis", pytest.skip)])
def test_without_its_library_a_broker_that_is_required_is_a_failure(monkeypatch, required, ends):
    monkeypatch.setenv("OMOI_TEST_REQUIRE", required)
    monkeypatch.setitem(external.LIBRARIES, "rabbitmq", "pika_is_not_here")

    with pytest.raises(ends.Exception, match="pip install"):
        needs_library("rabbitmq")


def slowest(times: int) -> float:
    """The longest of some transactions that give a hint, in seconds."""
    connection.ensure_connection()
    longest = 0.0
    for _ in range(times):
        began = time.monotonic()
        with transaction.atomic():
            sql.rows("SELECT 1")
            hints.send("work")
        longest = max(longest, time.monotonic() - began)
    return longest


def run_alone(text: str, **environment: str) -> str:
    """The output of a separate process on the database of this test."""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{text}"],
        env={
            **cluster.environment(),
            "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
            "PYTHONPATH": ".",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
