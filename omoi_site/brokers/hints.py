"""The broker carries hints: a message says *look*, the row says *whether*. Losing one loses time only.

A hint belongs to the transaction it is given in, which carries one message for each actor. On PostgreSQL, the
default, the message is a row of that transaction; RabbitMQ and Redis get it after the commit, from a thread
of its own, so that a broker that is away neither fails the act nor keeps it waiting.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction
from dramatiq.middleware import Middleware, Retries
from dramatiq_postgres.django.middleware import DbConnectionsMiddleware

from omoi_site.brokers.messages import QUEUE, Hints, messages
from omoi_site.brokers.sender import Sender

log = logging.getLogger(__name__)

BROKERS = {
    "": "PostgreSQL",
    "redis": "Redis",
    "rediss": "Redis",
    "amqp": "RabbitMQ",
    "amqps": "RabbitMQ",
}  # by the scheme of BROKER_URL
OLD_S = 600.0


def send(actor: str, ids: Iterable[int] = ()) -> None:
    """Ask a worker to look, once the transaction it is given in has been committed."""
    if connection.in_atomic_block:
        connection.hints.setdefault(actor, set()).update(ids)  # type: ignore[attr-defined]  # our back end
    elif settings.BROKER_URL:
        committed({actor: set(ids)})
    else:
        try:
            with transaction.atomic():
                send(actor, ids)
        except Error as error:
            log.warning("a hint was lost, the sweep repeats it: %s", error)


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


def health() -> str:
    """Empty when hints get through, else a sentence that says what is in the way."""
    try:
        get().reach()
    except Exception as error:  # each broker's client has failures of its own
        why = str(error).strip().splitlines() or [type(error).__name__]
        return f"The broker {kind()} does not answer, so work starts late: {why[0]}"
    return ""


def forget_old(limit: int = 1_000) -> int:
    """Drop hints that no worker took in time, or took and lost; the sweep has repeated them since. Returns
    how many.
    """
    return 0 if settings.BROKER_URL else get().forget(OLD_S, limit)


def kind() -> str:
    """The name of the broker that BROKER_URL asks for; raises ImproperlyConfigured."""
    scheme = settings.BROKER_URL.partition(":")[0]
    if scheme not in BROKERS:
        raise ImproperlyConfigured(
            f"BROKER_URL begins with {scheme}: and may begin with redis:// or amqp://;"
            " without it PostgreSQL is used"
        )
    return BROKERS[scheme]


@functools.cache
def get() -> Any:
    """The broker of this process: dramatiq's, with `reach`, which raises when it is away. Making it connects
    to nothing.
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
    """No retries and no time limit: what a hint asks for is repeated by a sweep, and executors have limits of
    their own.
    """
    return [Retries(max_retries=0), DbConnectionsMiddleware()]


@functools.cache
def sender() -> Sender:
    return Sender(get().enqueue)
