"""Peers that run jobs: dramatiq on PostgreSQL and RabbitMQ, celery and dramatiq-workflow on Redis. One worker
process with eight threads, the defaults of each. A job leaves a line in a file: when it ran, and how often.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.checkout import peer_address
from bench.peer_environment import PEERS
from bench.processes import BenchFailed, Process, listener, output_of

RECORD = struct.Struct("<qd")
THREADS = 8
PATIENCE_S = 300.0
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"


@dataclass(frozen=True)
class Ran:
    """Jobs that ran: from the start of the first to that of the last, how often any ran again, how many did
    not run at all.
    """

    jobs: int
    seconds: float
    twice: int
    lost: int


class Records:
    """The file in which jobs leave their numbers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_bytes(b"")

    def count(self) -> int:
        return self.path.stat().st_size // RECORD.size

    def ran(self, expected: int, since: float | None = None) -> Ran:
        """Wait until so many have run. since: when the clock began, if not with the first of them."""
        ends = time.monotonic() + PATIENCE_S
        while self.count() < expected and time.monotonic() < ends:
            time.sleep(0.002)
        read = list(RECORD.iter_unpack(self.path.read_bytes()))
        times = Counter(number for number, _ in read)
        moments = [at for _, at in read] or [0.0]
        return Ran(
            jobs=len(read),
            seconds=max(moments) - (min(moments) if since is None else since),
            twice=sum(times.values()) - len(times),
            lost=expected - len(times),
        )


class Queue:
    """A peer with a queue of its own. `name` is what its figures are filed under."""

    def __init__(self, name: str, python: Path, folder: Path, address: str, words: list[str]) -> None:
        self.name, self.python, self.folder, self.words = name, python, folder, words
        self.records = Records(folder / f"{secrets.token_hex(4)}.records")
        self.environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
            "BENCH_BROKER": address,
            "BENCH_QUEUE": f"omoi-bench-{secrets.token_hex(4)}",
            "BENCH_RECORDS": str(self.records.path),
        }

    def submit(self, *words: str) -> str:
        """What the peer's program prints, which enqueues."""
        return output_of([self.python, *words], environment=self.environment, folder=PEERS)

    @contextlib.contextmanager
    def worker(self, ready: str = "") -> Iterator[Process]:
        """One worker process with eight threads for the block. ready: what it prints when it listens."""
        log = self.folder / f"{secrets.token_hex(4)}.log"
        program = self.python.parent / self.words[0]
        process = Process([program, *self.words[1:]], log, environment=self.environment, folder=PEERS)
        try:
            if ready:
                process.wait_until(lambda: ready in process.said(), self.name)
            yield process
        finally:
            process.stop()

    def begin(self) -> None:
        self.records.path.write_bytes(b"")


def dramatiq(name: str, python: Path, folder: Path, address: str) -> Queue:
    words = ["dramatiq", "dramatiq_jobs", "--processes", "1", "--threads", str(THREADS), "--skip-logging"]
    return Queue(name, python, folder, address, words)


def dramatiq_postgres(home: Path, python: Path, folder: Path) -> Queue:
    """On a database of its own on the embedded server of `home`."""
    address = peer_address(home, "dramatiq_peer")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    output_of([python, "-c", MAKE_TABLES, address], environment=environment, folder=PEERS)
    return dramatiq("dramatiq-postgres", python, folder, address)


MAKE_TABLES = """
import sys, psycopg
from dramatiq_postgres.schema import init
with psycopg.connect(sys.argv[1]) as link, link.cursor() as cursor:
    init(cursor)
"""


def dramatiq_rabbitmq(python: Path, folder: Path) -> Queue | None:
    """On the RabbitMQ of this machine, or the one in OMOI_BENCH_RABBITMQ. None if there is none."""
    address = os.environ.get("OMOI_BENCH_RABBITMQ", RABBITMQ)
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 5672), timeout=2).close()
    except OSError:
        return None
    return dramatiq("dramatiq + RabbitMQ", python, folder, address)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The address of a Redis of its own for the block, which writes what it is told to its disk."""
    program = shutil.which("redis-server")
    if not program:
        raise BenchFailed(
            "bench graph compares Omoi with celery and dramatiq-workflow, which need Redis, and there is no"
            " redis-server on this machine. Install it (Debian: apt-get install redis-server)."
        )
    with listener() as found:
        port = found.getsockname()[1]
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = Process(
        [*words, "--appendonly", "yes"], folder / "redis.log", environment=dict(os.environ), folder=folder
    )
    try:
        process.wait_until(lambda: "Ready to accept connections" in process.said(), "redis-server")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.stop()


def graphs(python: Path, folder: Path, address: str) -> dict[str, tuple[Queue, str, str]]:
    """The peers that run graphs: each with its program, and what its worker prints when it listens."""
    celery = ["celery", "-A", "celery_graph", "worker", "-P", "threads", "-c", str(THREADS), "-l", "info"]
    flow = ["dramatiq", "workflow_graph", "--processes", "1", "--threads", str(THREADS)]
    return {
        "celery": (Queue("celery", python, folder, address, celery), "celery_graph.py", " ready."),
        "dramatiq-workflow": (
            Queue("dramatiq-workflow", python, folder, address, flow),
            "workflow_graph.py",
            "is ready for action",
        ),
    }


def remove_rabbitmq_queues(queue: Queue) -> None:
    """Remove the queues that a bench made on a RabbitMQ that is not its own."""
    script = (
        "import os, pika\n"
        "link = pika.BlockingConnection(pika.URLParameters(os.environ['BENCH_BROKER']))\n"
        "channel, name = link.channel(), os.environ['BENCH_QUEUE']\n"
        "[channel.queue_delete(each) for each in (name, name + '.DQ', name + '.XQ')]\n"
    )
    subprocess.run(
        [str(queue.python), "-c", script], env=queue.environment, capture_output=True, timeout=30, check=False
    )
