"""No-op jobs a second of one worker process, with graph, lease and history, beside dramatiq on PostgreSQL and
on RabbitMQ.

python3 manage.py bench jobs [--json] [--rounds 5] [--quick] [--jobs 3000] [--svg FILE]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import queues
from bench.options import main, number, parser, progress
from bench.our_jobs import OurJobs
from bench.peer_environment import python_of_peers
from bench.rounds import Measure, interleave
from bench.scratch import scratch
from bench.temporary_server import temporary_server

WARM, FORKING = "omoi", "omoi, a process for each job"
SLOWER = 10  # of the jobs, which part runs where each is a process of its own


class Books:
    """How many jobs each system ran, how many of them again, how many not at all."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, int]] = {}

    def add(self, name: str, *, jobs: int, twice: int, lost: int) -> None:
        row = self.rows.setdefault(name, {"jobs": 0, "twice": 0, "lost": 0})
        for part, count in (("jobs", jobs), ("twice", twice), ("lost", lost)):
            row[part] += count


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """The rates, and the books of all rounds."""
    python, books = python_of_peers(progress), Books()
    options.jobs = min(options.jobs, 100) if options.quick else options.jobs
    with scratch() as folder, temporary_server():
        ours = {
            WARM: _ours(OurJobs("noop_reusable", "WARM"), WARM, options.jobs, books),
            FORKING: _ours(OurJobs("noop", "FORK"), FORKING, max(10, options.jobs // SLOWER), books),
        }
        peers = [queues.dramatiq_postgres(Path(os.environ["OMOI_HOME"]), python, folder)]
        if rabbitmq := queues.dramatiq_rabbitmq(python, folder):
            peers.append(rabbitmq)
        systems = ours | {peer.name: _peer(peer, options.jobs, books) for peer in peers}
        try:
            found = interleave(Measure("no-op jobs", "jobs/s"), systems, options.rounds, step)
        finally:
            if rabbitmq:
                queues.remove_rabbitmq_queues(rabbitmq)
    return _beside(found, [peer.name for peer in peers]), {"checks": books.rows}


def _beside(found: Measure, peers: list[str]) -> list[Measure]:
    """The same figures as a measure for each peer, with and without kept processes."""
    return [
        Measure(f"{what} vs {peer}", "jobs/s", ours=ours, peer=peer, figures=_only(found, ours, peer))
        for ours, what in ((WARM, "no-op jobs"), (FORKING, "no-op jobs, a process each"))
        for peer in peers
    ]


def _only(found: Measure, *names: str) -> dict[str, list[float]]:
    return {name: found.figures[name] for name in names}


def _ours(jobs: OurJobs, name: str, count: int, books: Books) -> Callable[[], float]:
    def rate() -> float:
        drain = jobs.drain(count, threads=queues.THREADS)
        books.add(name, jobs=drain.tasks, twice=drain.doubled, lost=drain.lost)
        return drain.per_s

    return rate


def _peer(queue: queues.Queue, count: int, books: Books) -> Callable[[], float]:
    def rate() -> float:
        queue.begin()
        queue.submit("dramatiq_jobs.py", str(count))
        with queue.worker():
            ran = queue.records.ran(count)
        books.add(queue.name, jobs=ran.jobs, twice=ran.twice, lost=ran.lost)
        return count / ran.seconds if ran.seconds else 0.0

    return rate


def steps(options: argparse.Namespace) -> int:
    return 4 * int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("jobs", __doc__ or "")
    asks.add_argument("--jobs", type=number, default=3000, help="jobs in a round (3000)")
    return asks


if __name__ == "__main__":
    main("jobs", "No-op jobs, one worker process", arguments(), run, steps)
