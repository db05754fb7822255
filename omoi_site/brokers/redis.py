"""Redis, for more than one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from dramatiq import Message
from dramatiq.brokers import redis as theirs
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware

ALWAYS = 1_000_000  # of a million commands


@contextmanager
def lost_line() -> Iterator[None]:
    """A server that does not answer in time is away: dramatiq then tries again."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise ConnectionClosed(error) from None


class Consumer(theirs._RedisConsumer):
    """Waits for a ring where dramatiq's own sleeps for up to a second and then looks: a hint would wait for
    half a second, and a chain of tasks for half a second at each link.
    """

    broker: Broker
    looked = False  # whether the queue was empty, when there was room for a message

    def __next__(self) -> Any:
        """With no room for more it leaves the ring to others, and looks at once when it has room again."""
        room = self.outstanding_message_count < self.prefetch
        with lost_line():
            if room:
                if self.misses and self.looked:
                    self.broker.wait_for_ring(self.queue_name, self.timeout)
                self.misses = 0
            self.looked = room
            return super().__next__()

    def ack(self, message: Any) -> None:
        with lost_line():
            super().ack(message)

    def nack(self, message: Any) -> None:
        with lost_line():
            super().nack(message)


class Broker(theirs.RedisBroker):
    def __init__(self, *, middleware: list[Middleware]) -> None:
        super().__init__(
            client=redis.Redis.from_url(
                settings.BROKER_URL,
                socket_connect_timeout=2,
                socket_timeout=3,
                socket_keepalive=True,
                health_check_interval=15,
            ),
            middleware=middleware,
            namespace="omoi",
            # how often a dead worker's messages are looked for; it costs little, and by chance it takes long
            maintenance_chance=ALWAYS,
            heartbeat_timeout=10_000,
        )

    @property
    def consumer_class(self) -> type[Consumer]:
        return Consumer

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Puts the message into its queue, and wakes one worker that waits."""
        enqueued = super().enqueue(message, delay=delay)
        ring = self._ring(enqueued.queue_name)
        with self.client.pipeline() as together:
            together.lpush(ring, 1)
            together.ltrim(ring, 0, 0)  # if nobody waits now, the next who would wait looks at once
            together.execute()
        return enqueued

    def wait_for_ring(self, queue: str, timeout_ms: int) -> None:
        self.client.blpop([self._ring(queue)], timeout_ms / 1000)

    def waiting(self, queue: str) -> int:
        return int(self.client.llen(f"{self.namespace}:{queue}"))

    def reach(self) -> None:
        self.client.ping()

    def _ring(self, queue: str) -> str:
        return f"{self.namespace}:{queue}.ring"
