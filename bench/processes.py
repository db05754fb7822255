"""Processes that a bench starts: they end with it, and their output is kept for the message of a failure."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.executors.supervisor.linux import descendants
from bench.ending import delayed
from omoi_site.processes.parent_death import die_with_parent

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

_started: list[Process] = []


class BenchFailed(Exception):
    """A bench cannot go on; the message says why and what to do."""


class Process:
    """One process, with a file for its output."""

    def __init__(
        self,
        words: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        sockets: Iterable[socket.socket] = (),
    ) -> None:
        self.log = log
        with log.open("ab") as paper, delayed():
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=paper,
                stderr=paper,
                env=dict(environment),
                cwd=folder,
                pass_fds=[each.fileno() for each in sockets],
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
            _started.append(self)

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, holds: Callable[[], bool], what: str, patience_s: float = 600.0) -> None:
        """Return when `holds()`. A process that ended before, or takes too long, is a failure."""
        ends = time.monotonic() + patience_s
        while not holds():
            if self.process.poll() is not None:
                raise BenchFailed(f"{what} ended by itself:\n{self.said()[-1500:]}")
            if time.monotonic() > ends:
                raise BenchFailed(f"{what} was not ready after {patience_s:.0f} s:\n{self.said()[-1500:]}")
            time.sleep(0.02)

    def stop(self, patience_s: float = 30.0) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        with contextlib.suppress(ValueError):
            _started.remove(self)


def stop_all() -> None:
    """Stop every process that still runs, the last first. A signal may have come between its start and
    whoever wanted to stop it.
    """
    while _started:
        _started[-1].stop()


def process_tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *descendants(pid)]


def cpu_s(pids: Iterable[int], *, ended: bool = False) -> float:
    """CPU time that these processes have used, in seconds. ended: with that of their children that have
    ended.
    """
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11 : 15 if ended else 13]))
    return ticks / TICKS


def cpu_ns(pids: Iterable[int]) -> int:
    """CPU time that all threads of these processes have used, in nanoseconds. A process or thread that has
    just ended counts nothing.
    """
    used = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    used += int((thread / "schedstat").read_text().split()[0])
    return used


def rss_bytes(pids: Iterable[int]) -> dict[int, int]:
    """Memory that each process holds by itself, by pid: what it shares with others is not counted, and a
    process that has just ended is left out.
    """
    sizes = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
            sizes[pid] = (int(resident) - int(shared)) * PAGE
    return sizes


def listener() -> socket.socket:
    """A listening socket on a free port of this machine, for processes to share."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", 0))
    made.listen(2048)
    made.set_inheritable(True)
    return made


def answers(port: int, path: str) -> bool:
    """Whether a server answers there with 2xx."""
    import http.client

    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False


def output_of(
    words: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, **more: Any
) -> str:
    """What a command prints. A failure names the end of its messages."""
    done = subprocess.run(
        [str(word) for word in words],
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=None if "input" in more else subprocess.DEVNULL,
        **more,
    )
    if done.returncode:
        raise BenchFailed(f"{' '.join(map(str, words[:4]))} failed:\n{(done.stdout + done.stderr)[-1500:]}")
    return done.stdout
