"""Redis and RabbitMQ: hints come at once, those of a dead worker come back, a full queue takes no more."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.errors import ConnectionClosed

from omoi_site.brokers import hints
from omoi_site.brokers.messages import QUEUE
from omoi_site.brokers.sender import Sender
from tests.support.brokers import RabbitMQ, Redis, Server
from tests.support.external import needs_library
from tests.support.wait import until

RING = f"omoi:{QUEUE}.ring"
REDIS = pytest.param(Redis, id="redis")
RABBITMQ = pytest.param(RabbitMQ, id="rabbitmq", marks=pytest.mark.full)


@pytest.fixture
def server(request, tmp_path, settings) -> Iterator[Server]:
    """The broker of this process, on a server of the test's own."""
    needs_library(request.param.__name__.lower())
    made = request.param(tmp_path)
    made.start()
    settings.BROKER_URL = made.url
    hints.get.cache_clear()
    yield made
    hints.get().close()
    hints.get.cache_clear()
    made.kill()


def another() -> Any:
    """A broker as another process has it."""
    module = importlib.import_module(type(hints.get()).__module__)
    made = module.Broker(middleware=hints.middleware())
    made.declare_queue(QUEUE)
    return made


def message(actor: str = "work") -> Message[Any]:
    return Message(queue_name=QUEUE, actor_name=actor, args=(), kwargs={}, options={})


@pytest.mark.parametrize("server", [REDIS], indirect=True)
def test_a_worker_that_waits_is_woken_by_the_message(server):
    """It would wait without end, and then find its line to be dead."""
    consumer = another().consume(QUEUE, prefetch=4, timeout=0)
    assert next(consumer) is None

    with ThreadPoolExecutor(1) as thread:
        came = thread.submit(next, consumer)
        until(lambda: hints.get().client.info("clients")["blocked_clients"] == 1)
        hints.get().enqueue(message("run_checks"))
        assert came.result(5).actor_name == "run_checks"


@pytest.mark.parametrize("server", [REDIS], indirect=True)
def test_a_message_that_came_while_nobody_waited_is_found_without_waiting(server):
    consumer = another().consume(QUEUE, prefetch=4, timeout=2_000)
    assert next(consumer) is None
    for actor in ("run_checks", "work"):
        hints.get().enqueue(message(actor))

    assert {next(consumer).actor_name for _ in range(2)} == {"run_checks", "work"}


@pytest.mark.parametrize("server", [REDIS], indirect=True)
def test_a_worker_with_no_room_leaves_the_ring_to_another(server):
    full = another().consume(QUEUE, prefetch=1, timeout=10)
    hints.get().enqueue(message("run_checks"))
    assert next(full).actor_name == "run_checks"
    assert next(full) is None
    hints.get().client.delete(RING)

    hints.get().enqueue(message())

    assert next(full) is None
    assert hints.get().client.llen(RING) == 1


@pytest.mark.parametrize("server", [REDIS], indirect=True)
def test_a_worker_that_has_room_again_looks_at_once(server):
    """Another took the ring, and not all messages: waiting for the next ring would end in a dead line."""
    full = another().consume(QUEUE, prefetch=1, timeout=0)
    hints.get().enqueue(message("run_checks"))
    first = next(full)
    assert next(full) is None
    hints.get().enqueue(message())
    hints.get().client.delete(RING)

    full.ack(first)

    assert next(full).actor_name == "work"


@pytest.mark.full
@pytest.mark.parametrize("server", [REDIS], indirect=True)
@pytest.mark.parametrize("end", ["ack", "nack"])
def test_the_end_of_a_message_is_told_again_to_a_server_that_did_not_answer(server, end):
    """dramatiq tries again when the line is lost, and after no other error."""
    mine = another()
    consumer = mine.consume(QUEUE)
    hints.get().enqueue(message())
    taken = next(consumer)
    mine.client.connection_pool.connection_kwargs["socket_timeout"] = 0.1
    mine.client.connection_pool.disconnect()
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ConnectionClosed):
            getattr(consumer, end)(taken)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)

    getattr(consumer, end)(taken)

    assert hints.get().client.keys("omoi:__acks__.*") == []


@pytest.mark.parametrize("server", [REDIS], indirect=True)
def test_what_a_dead_worker_had_taken_comes_to_the_next_that_looks(server):
    dead = another()
    hints.get().enqueue(message())
    assert next(dead.consume(QUEUE)).actor_name == "work"
    living = another().consume(QUEUE, timeout=10)
    assert next(living) is None
    [[_, heard]] = [each for each in beats() if each[0].decode() == dead.broker_id]
    hints.get().client.zadd("omoi:__heartbeats__", {dead.broker_id: heard - 11_000})

    assert next(living).actor_name == "work"
    assert dead.broker_id not in {name.decode() for name, _ in beats()}


def beats() -> Any:
    return hints.get().client.zrange("omoi:__heartbeats__", 0, -1, withscores=True)


@pytest.mark.parametrize("server", [REDIS, RABBITMQ], indirect=True)
def test_a_full_queue_takes_no_more_and_what_it_could_not_take_is_sent_when_it_has_room(server, monkeypatch):
    monkeypatch.setattr(hints, "MOST_WAITING", 3)
    told: list[str] = []
    sender = Sender(hints._enqueue, told.append)
    for _ in range(3):
        sender.send({"work": set()})
        assert sender.flush(5)

    sender.send({"advance_tickets": {1}})
    sender.send({"advance_tickets": {2}})
    until(lambda: told[-1])
    assert told[-1].startswith("3 messages wait in the queue, and no worker takes them, or not fast enough.")
    assert hints.get().waiting(QUEUE) == 3

    consumer = another().consume(QUEUE, prefetch=10, timeout=1_000)
    taken = [until(lambda: next(consumer)) for _ in range(3)]
    for each in taken:
        consumer.ack(each)
    last = until(lambda: next(consumer))
    assert (last.actor_name, last.args) == ("advance_tickets", ([1, 2],))
    consumer.ack(last)
    assert sender.flush(5)
    assert told[-1] == ""
    sender.stop()
    consumer.close()


@pytest.mark.full
@pytest.mark.parametrize("server", [REDIS, RABBITMQ], indirect=True)
def test_after_a_restart_of_the_broker_the_first_message_is_sent(server):
    hints._enqueue(message())
    server.kill()
    server.start()

    hints._enqueue(message())

    assert hints.get().waiting(QUEUE) >= 1
