"""RabbitMQ, for more than one machine."""

from __future__ import annotations

from typing import Any

import pika
from django.conf import settings
from dramatiq.brokers import rabbitmq as theirs
from dramatiq.middleware import Middleware
from pika.exceptions import AMQPChannelError, AMQPConnectionError


class Broker(theirs.RabbitmqBroker):
    def __init__(self, *, middleware: list[Middleware]) -> None:
        super().__init__(url=settings.BROKER_URL, middleware=middleware, confirm_delivery=True)
        self.parameters: Any = pika.URLParameters(settings.BROKER_URL)
        self.parameters.socket_timeout = 3
        self.parameters.stack_timeout = 6
        self.parameters.connection_attempts = 1
        self.parameters.blocked_connection_timeout = 5
        self.parameters.heartbeat = 20

    def waiting(self, queue: str) -> int:
        try:
            return self._waiting(queue)
        except (AMQPConnectionError, AMQPChannelError):  # the broker may have been restarted
            del self.connection
            return self._waiting(queue)

    def _waiting(self, queue: str) -> int:
        return int(self._declare_queue(queue).method.message_count)  # most often it is there already

    def reach(self) -> None:
        pika.BlockingConnection(self.parameters).close()
