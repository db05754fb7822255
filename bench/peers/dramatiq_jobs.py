"""No-op jobs of dramatiq on the broker in BENCH_BROKER, with its defaults. Run with a number, it enqueues as
many.
"""

import os
import sys

import dramatiq
from records import leave

address = os.environ["BENCH_BROKER"]
if address.startswith("amqp"):
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=address)
else:
    from dramatiq_postgres import PostgresBroker

    broker = PostgresBroker(url=address)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=os.environ["BENCH_QUEUE"])
def noop(number: int) -> None:
    leave(number)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        noop.send(number)
    broker.close()
