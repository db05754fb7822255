"""`manage.py worker` in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from tests.support import ROOT, children, cluster

QUICK = {"OMOI_WORKER_BEAT_S": "0.3", "OMOI_WORKER_POLL_S": "1"}


class WorkerProcess:
    """`manage.py worker` as users run it."""

    def __init__(self, name: str = "w1", threads: int = 4, *more: str, **environment: str) -> None:
        read_fd, write_fd = os.pipe()
        self.log = Path(settings.OMOI_HOME) / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = children.start(
                [sys.executable, "manage.py", "worker", f"--name={name}", f"--threads={threads}", *more],
                cwd=ROOT,
                env={**cluster.environment(), "OMOI_READY_FD": str(write_fd), **QUICK, **environment},
                pass_fds=[write_fd],
                stdout=log,
                stderr=log,
            )
        os.close(write_fd)
        with os.fdopen(read_fd) as said:
            assert said.read().startswith("ready"), self.log.read_text()

    def last_words(self) -> str:
        return self.log.read_text()[-3000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, patience: float = 20) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)


@contextlib.contextmanager
def running_worker(name: str = "w1", threads: int = 4, **environment: str) -> Iterator[WorkerProcess]:
    process = WorkerProcess(name, threads, **environment)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.kill()
