"""Chains and fans of celery on Redis, with its defaults. Run with `chain` or `fan` and a number, it submits
one.
"""

import os
import sys
import time

from celery import Celery, chain, chord
from records import leave

app = Celery("celery_graph", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BROKER"])


@app.task
def noop(number: int) -> None:
    leave(number)


def chain_of(steps: int):
    return chain(*[noop.si(number) for number in range(steps)])


def fan_of(width: int):
    return chain(noop.si(0), chord([noop.si(1 + n) for n in range(width)], noop.si(width + 1)))


if __name__ == "__main__":
    graph = {"chain": chain_of, "fan": fan_of}[sys.argv[1]](int(sys.argv[2]))
    print(time.time())  # the clock begins
    graph.apply_async()
