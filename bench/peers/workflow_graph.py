"""Chains and fans of dramatiq-workflow on Redis, with its defaults. Run with `chain` or `fan` and a number,
it submits one.
"""

import os
import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits.backends import RedisBackend
from dramatiq_workflow import Chain, Group, Workflow, WorkflowMiddleware
from records import leave

broker = RedisBroker(url=os.environ["BENCH_BROKER"])
broker.add_middleware(WorkflowMiddleware(RedisBackend(url=os.environ["BENCH_BROKER"])))
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(number: int) -> None:
    leave(number)


def chain_of(steps: int):
    return Chain(*[noop.message(number) for number in range(steps)])


def fan_of(width: int):
    return Chain(
        noop.message(0), Group(*[noop.message(1 + n) for n in range(width)]), noop.message(width + 1)
    )


if __name__ == "__main__":
    graph = {"chain": chain_of, "fan": fan_of}[sys.argv[1]](int(sys.argv[2]))
    print(time.time())  # the clock begins
    Workflow(graph).run()
