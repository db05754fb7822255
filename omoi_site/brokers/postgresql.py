"""The default broker: a message is a row in our database, written by the sender's transaction."""

from __future__ import annotations

from typing import Any

import dramatiq_postgres.broker as theirs
from django.db import connection
from dramatiq import Message
from dramatiq.common import current_millis, dq_name
from dramatiq.middleware import Middleware
from dramatiq_postgres.utils import tidy4json
from psycopg.types.json import Json
from psycopg_pool import ConnectionPool

from omoi_site.database import sql

# A worker that was woken takes all messages there are, so one that waits already rings for this one too. Each
# NOTIFY makes commits wait for each other.
ENQUEUE_UNLESS_RUNG = """
{enqueue}
WHERE NOT EXISTS (
  SELECT
  FROM dramatiq.queue q
  WHERE q.queue_name = enqueued.queue_name
    AND q.state = 'queued'
    AND q.available_at <= now()
)
"""
TAKE = sql.statement(__file__, "take")
FORGET = """
DELETE FROM dramatiq.queue
WHERE message_id = ANY (ARRAY(
  SELECT message_id
  FROM dramatiq.queue
  WHERE mtime < now() - %s * interval '1 s'
  LIMIT %s
  FOR UPDATE SKIP LOCKED
))
RETURNING message_id
"""


class Broker(theirs.PostgresBroker):
    def __init__(self, *, middleware: list[Middleware]) -> None:
        super().__init__(
            pool=Pool(
                "",
                kwargs=connection_parameters,
                min_size=0,
                max_size=8,
                timeout=5,
                open=False,
                check=ConnectionPool.check_connection,
            ),
            results=False,
            middleware=middleware,
            poll_interval=2.0,  # if its LISTEN connection is lost
            heartbeat_interval=2.0,
            heartbeat_ttl=10.0,
            maintenance_interval=5.0,
            purge_maxage="1 day",
        )

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Inside a Django transaction the message is part of it; otherwise try once on the broker's own
        connection.

        A worker acknowledges a message even if forwarding it failed, so a worker must not send on Django's
        connection, which may be dead.
        """
        if delay:
            message = message.copy(
                queue_name=dq_name(message.queue_name), options={"eta": current_millis() + delay}
            )
        self.emit_before("enqueue", message, delay)
        if connection.in_atomic_block:
            with connection.cursor() as cursor:
                self.write(message, cursor, delay or 0)
        else:
            with self.pool.connection() as link, link.cursor() as cursor:
                self.write(message, cursor, delay or 0)
        self.emit_after("enqueue", message, delay)
        return message

    def write(self, message: Message[Any], cursor: Any, delay: int = 0) -> None:
        enqueue = theirs.QUERIES.ENQUEUE
        if message.args:  # ids: the one who takes it takes those of all
            enqueue = ENQUEUE_UNLESS_RUNG.format(enqueue=enqueue.rstrip().rstrip(";"))
        cursor.execute(enqueue, (message.queue_name, message.message_id, Json(tidy4json(message)), delay))

    def take(self, queue: str, actor: str, limit: int) -> list[int]:
        """The ids in the messages for `actor` that nobody has taken yet; the messages are deleted."""
        return [pk for row in sql.rows(TAKE, [queue, actor, limit]) for ids in row["args"] for pk in ids]

    def forget(self, age_s: float, limit: int) -> int:
        return len(sql.rows(FORGET, [age_s, limit]))

    def reach(self) -> None:
        if sql.one("SELECT to_regclass('dramatiq.queue') AS queue") == {"queue": None}:
            raise LookupError("its tables are missing: run `python3 manage.py migrate`")


class Pool(ConnectionPool[Any]):
    """Opened at its first use: a process that only sends hints needs neither the pool nor its threads."""

    used = False

    def getconn(self, timeout: float | None = None) -> Any:
        if not self.used:
            self.open()  # no harm if another thread does so too
            self.used = True  # not before: that other thread would find it closed
        return super().getconn(timeout)


def connection_parameters() -> dict[str, Any]:
    """Connection parameters for Django's database; a dead connection is noticed within seconds."""
    described = connection.settings_dict
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {
        "application_name": "omoi-broker",
        "connect_timeout": 3,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 10_000,
        **{libpq: str(described[name]) for name, libpq in names.items() if described[name]},
        **{name: value for name, value in described["OPTIONS"].items() if name.startswith("ssl")},
    }
