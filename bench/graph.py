"""A chain of 1,000 steps and a fan of 1 to 1,000 to 1, submitted to a worker that runs, beside celery and
dramatiq-workflow.

python3 manage.py bench graph [--json] [--rounds 3] [--quick] [--steps 1000] [--svg FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from collections.abc import Callable
from typing import Any

from bench import queues
from bench.jobs import Books
from bench.options import main, number, parser, progress
from bench.our_jobs import OurJobs
from bench.peer_environment import python_of_peers
from bench.rounds import Measure, interleave
from bench.scratch import scratch
from bench.temporary_server import temporary_server

SHAPES = {"chain": 0, "fan": 2}  # how many jobs there are besides its length


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """Seconds of each shape, and the books of all rounds. The peer is the faster one."""
    python, books, measures = python_of_peers(progress), Books(), []
    options.steps = min(options.steps, 20) if options.quick else options.steps
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        stack.enter_context(temporary_server())
        ours = OurJobs("noop_reusable", "GRAPH")
        stack.enter_context(ours.worker(threads=queues.THREADS))
        address = stack.enter_context(queues.redis_server(folder))
        peers = queues.graphs(python, folder, address)
        for peer, _, ready in peers.values():
            stack.enter_context(peer.worker(ready))
        for shape in SHAPES:
            systems = {"omoi": _ours(ours, shape, options.steps, books)}
            for peer, program, _ in peers.values():
                systems[peer.name] = _peer(peer, program, shape, options.steps, books)
            measure = Measure(f"{shape} of {options.steps:,}", "s", better="less")
            interleave(measure, systems, options.rounds, step)
            measure.peer = min(peers, key=lambda name: statistics.median(measure.figures[name]))
            measures.append(measure)
    return measures, {"checks": books.rows}


def _ours(jobs: OurJobs, shape: str, length: int, books: Books) -> Callable[[], float]:
    def seconds() -> float:
        drain = {"chain": jobs.chain, "fan": jobs.fan}[shape](length)
        books.add("omoi", jobs=drain.tasks, twice=drain.doubled, lost=drain.lost)
        return drain.waited_s

    return seconds


def _peer(queue: queues.Queue, program: str, shape: str, length: int, books: Books) -> Callable[[], float]:
    def seconds() -> float:
        queue.begin()
        begun = float(queue.submit(program, shape, str(length)))
        ran = queue.records.ran(length + SHAPES[shape], begun)
        books.add(queue.name, jobs=ran.jobs, twice=ran.twice, lost=ran.lost)
        return ran.seconds

    return seconds


def steps(options: argparse.Namespace) -> int:
    return 3 * len(SHAPES) * int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("graph", __doc__ or "")
    asks.set_defaults(rounds=3)
    asks.add_argument(
        "--steps", type=number, default=1000, help="steps of the chain, width of the fan (1000)"
    )
    return asks


if __name__ == "__main__":
    main("graph", "Graphs of no-op jobs", arguments(), run, steps)
