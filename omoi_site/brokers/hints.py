"""The broker carries hints: a message says *look*, the row says *whether*. A lost hint costs only time.

A hint is part of the current transaction, which sends one message for each actor. With PostgreSQL, the
default broker, the message is a row of that transaction. RabbitMQ and Redis get it after the commit, from a
separate thread, so an act neither fails nor waits when the broker is away.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from dramatiq import Message
from dramatiq.middleware import Middleware, Retries
from dramatiq_postgres.django.middleware import DbConnectionsMiddleware

from omoi_site.brokers.last_health import LastHealth
from omoi_site.brokers.messages import QUEUE, Hints, messages
from omoi_site.brokers.sender import QueueFull, Sender
from omoi_site.redaction import error_line

log = logging.getLogger(__name__)

BROKERS = {
    "": "PostgreSQL",
    "redis": "Redis",
    "rediss": "Redis",
    "amqp": "RabbitMQ",
    "amqps": "RabbitMQ",
}  # keys are schemes of BROKER_URL
OLD_S = 600.0
TAKEN = 500  # messages taken at once
MOST_WAITING = 1_000  # in a queue of Redis or RabbitMQ


def send(actor: str, ids: Iterable[int] = ()) -> None:
    """Ask a worker to look, once the current transaction has been committed."""
    if connection.in_atomic_block:
        connection.hints.setdefault(actor, set()).update(ids)  # type: ignore[attr-defined]  # our back end
    elif settings.BROKER_URL:
        committed({actor: set(ids)})
    else:
        try:
            committing({actor: set(ids)}, connection)
        except Error as error:
            log.warning("a hint was lost; a sweep repeats it: %s", error)


def committing(hints: Hints, link: Any) -> None:
    """The transaction on `link` is about to be committed, and its hints with it."""
    if not settings.BROKER_URL:
        with link.cursor() as cursor:
            for message in messages(hints):
                get().write(message, cursor)


def committed(hints: Hints) -> None:
    """The transaction of these hints has been committed."""
    if settings.BROKER_URL:
        sender().send(hints)


def take_waiting(actor: str) -> set[int]:
    """The ids in all messages that wait for `actor`, to be handled with the one in hand. Redis and RabbitMQ
    have none: the sender has joined what it could.
    """
    return set() if settings.BROKER_URL else set(get().take(QUEUE, actor, TAKEN))


def health() -> str:
    """Empty if hints are delivered, else a sentence that says why not."""
    try:
        get().reach()
    except Exception as error:  # each broker's client has its own exceptions
        return f"The broker {kind()} does not answer, so work starts late: {error_line(error)}"
    return ""


def health_lately() -> str:
    """The same, as it was some seconds ago, for those whom a silent broker must not keep waiting."""
    return last_health().lately() if settings.BROKER_URL else health()


@functools.cache
def last_health() -> LastHealth:
    return LastHealth(health)


def forget_old(limit: int = 1_000) -> int:
    """Delete hints that no worker took in time, or that a worker took and lost; a sweep has repeated them
    since. Returns how many.
    """
    return 0 if settings.BROKER_URL else get().forget(OLD_S, limit)


def kind() -> str:
    """The name of the broker that BROKER_URL asks for; raises ImproperlyConfigured."""
    scheme = settings.BROKER_URL.partition(":")[0]
    if scheme not in BROKERS:
        raise ImproperlyConfigured(
            f"BROKER_URL begins with {scheme}: but must begin with redis:// or amqp://;"
            " unset it to use PostgreSQL"
        )
    return BROKERS[scheme]


@functools.cache
def get() -> Any:
    """The dramatiq broker of this process. Its `reach` raises if the broker is away. Creating it opens no
    connection.
    """
    try:
        chosen = importlib.import_module(f"omoi_site.brokers.{kind().lower()}").Broker(
            middleware=middleware()
        )
    except ImportError as error:
        raise ImproperlyConfigured(
            f"BROKER_URL asks for {kind()}: run `pip install -r requirements-scale.txt` ({error})"
        ) from error
    chosen.declare_queue(QUEUE)
    return chosen


def middleware() -> list[Middleware]:
    """No retries and no time limit: a sweep repeats hints, and executors have their own limits."""
    return [Retries(max_retries=0), DbConnectionsMiddleware()]


@functools.cache
def sender() -> Sender:
    return Sender(_enqueue, _note)


def _enqueue(message: Message[Any]) -> None:
    """Raises QueueFull before the broker runs out of memory; the sender keeps the hints, joined, until there
    is room.
    """
    if get().waiting(message.queue_name) >= MOST_WAITING:
        raise QueueFull(MOST_WAITING)
    get().enqueue(message)


listeners: list[Callable[[str], Any]] = []  # told why messages cannot be sent, or an empty text when they can


def _note(failed: str) -> None:
    """From the thread that sends."""
    try:
        for tell in listeners:
            tell(failed)
    except Error as error:
        log.warning("the state of the broker was not noted: %s", error)
    finally:
        connection.close()
