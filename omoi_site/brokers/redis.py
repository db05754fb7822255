"""Redis, for more than one machine."""

from __future__ import annotations

import redis
from django.conf import settings
from dramatiq.brokers import redis as theirs
from dramatiq.middleware import Middleware


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
            # per million commands: how often a dead worker's messages are requeued; the default is 1,000
            maintenance_chance=100_000,
            heartbeat_timeout=10_000,
        )

    def reach(self) -> None:
        self.client.ping()
