"""RabbitMQ, for more than one machine."""

from __future__ import annotations

from typing import Any

import pika
from django.conf import settings
from dramatiq.brokers import rabbitmq as theirs
from dramatiq.middleware import Middleware


class Broker(theirs.RabbitmqBroker):
    def __init__(self, *, middleware: list[Middleware]) -> None:
        super().__init__(url=settings.BROKER_URL, middleware=middleware, confirm_delivery=True)
        self.parameters: Any = pika.URLParameters(settings.BROKER_URL)
        self.parameters.socket_timeout = 3
        self.parameters.stack_timeout = 6
        self.parameters.connection_attempts = 1
        self.parameters.blocked_connection_timeout = 5
        self.parameters.heartbeat = 20

    def reach(self) -> None:
        pika.BlockingConnection(self.parameters).close()
