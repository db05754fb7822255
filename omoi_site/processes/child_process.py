"""One supervised role: a process that reports when it is ready and is restarted when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from omoi_site.processes.parent_death import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONGEST_LOG = 10 << 20


class Child:
    """A role's process. `due` is when it is to be (re)started, None while it runs.

    logs: to a file of the home; otherwise to our standard error.
    """

    def __init__(
        self,
        role: str,
        *args: str,
        home: Path,
        fds: Sequence[int] = (),
        once: bool = False,
        logs: bool = True,
    ) -> None:
        self.role = role
        self.words = [sys.executable, str(ROOT / "manage.py"), role, *args]
        self.home = home
        self.fds = tuple(fds)
        self.log = home / "logs" / f"{role}.log"
        self.logs = logs
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_fd: int | None = None  # the descriptor on which it reports that it is ready
        self.ready = False
        self.pauses = 0
        self.due: float | None = 0.0
        self.once = once  # it exits when its work is done
        self.over = False

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    def start(self) -> None:
        """Call it from the main thread: the child ends when the thread that started it ends."""
        self.ready_fd, write_fd = os.pipe()
        predecessor = f"{self.process.pid} {self.exit_text}" if self.process else ""
        try:
            with self._opened_log() as log:
                self.process = subprocess.Popen(
                    self.words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    env={
                        **{name: value for name, value in os.environ.items() if name != "OMOI_OWNER_URL"},
                        "OMOI_HOME": str(self.home),
                        "OMOI_READY_FD": str(write_fd),
                        "OMOI_PREDECESSOR": predecessor,
                    },
                    pass_fds=(write_fd, *self.fds),
                    preexec_fn=die_with_parent(signal.SIGTERM),
                )
        finally:
            os.close(write_fd)
        self.ready, self.due = False, None

    @contextlib.contextmanager
    def _opened_log(self) -> Iterator[BinaryIO]:
        """Where it writes to."""
        if not self.logs:
            yield sys.stderr.buffer
            return
        self.log.parent.mkdir(exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.rename(self.log.with_suffix(".log.1"))
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self.began = log.tell()
            yield log

    def read_ready(self) -> None:
        """Call it when the descriptor is readable: the child is ready, or has closed it without a report."""
        assert self.ready_fd is not None
        self.ready = os.read(self.ready_fd, 100).startswith(b"ready")
        self._close_ready_fd()
        if self.ready:
            self.pauses = 0

    def died(self) -> bool:
        """Whether it has ended since the last call. Then it is due again: at once if it had been ready, else
        after a growing pause.

        A `once` child is due again only if it was killed.
        """
        if self.process is None or self.due is not None or self.over or self.process.poll() is None:
            return False
        if self.ready_fd is not None:
            self.read_ready()
        pause = 0.0 if self.ready else min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self.pauses)
        self.pauses += not self.ready
        self.over = self.once and self.process.returncode >= 0
        self.due = None if self.over else time.monotonic() + pause
        self.ready = False
        return True

    def hurry(self) -> None:
        """Forget its failures so far: if it waits for a restart, it starts now."""
        self.pauses = 0
        if self.due is not None:
            self.due = 0.0

    @property
    def exit_text(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode if self.process else 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def log_tail(self) -> str:
        """The end of its log since its last start."""
        with self.log.open("rb") as log:
            log.seek(max(self.began, self.log.stat().st_size - 2000))
            return log.read().decode(errors="replace").strip()

    def send(self, what: signal.Signals) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, what)

    def kill(self) -> None:
        """Kill its whole process group now."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.send(signal.SIGKILL)

    def _close_ready_fd(self) -> None:
        if self.ready_fd is not None:
            os.close(self.ready_fd)
            self.ready_fd = None
