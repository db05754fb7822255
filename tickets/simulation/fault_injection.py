"""Kills children of the server with kill -9, spread over the work."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from tickets.simulation.server import find_server

KINDS = ("web", "worker", "clock")


class FaultInjector:
    """Kills `kills` children, the k-th at about k/kills of `tasks`, and only when all processes of the server
    run.
    """

    def __init__(self, home: Path, kills: int, tasks: int) -> None:
        self.home = home
        self.kills = kills
        self.tasks = tasks
        self.killed: Counter[str] = Counter()
        self.victims: set[int] = set()
        self.turns: Iterator[str] = cycle(KINDS)
        self.turn = next(self.turns)

    @property
    def due(self) -> float:
        """How many tasks must be done before the next kill. Some work remains after the last one."""
        return (self.killed.total() + 0.5) / (self.kills + 1) * self.tasks

    def kill_when_due(self, done: int) -> None:
        """Kill the next child if enough tasks are done and the server is ready; otherwise do nothing."""
        if self.killed.total() >= self.kills or done < self.due:
            return
        server = find_server(self.home)
        if server is None or not server.ready:
            return
        pid = server.children.get(self.turn, 0)
        if pid and pid not in self.victims and kill_child(pid, of=server.pid):
            self.victims.add(pid)
            self.killed[self.turn] += 1
        self.turn = next(self.turns)  # skip a child that has not restarted yet


def kill_child(pid: int, *, of: int) -> bool:
    """kill -9 a process, but only if it is a child of `of`: a pid in a file may now belong to another
    process.
    """
    if parent_of(pid) != of:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def parent_of(pid: int) -> int | None:
    """The parent of a living process; None if the process is gone."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            state, parent = (
                stat.read_text().rpartition(")")[2].split()[:2]
            )  # the name before it may contain anything
            return int(parent) if state != "Z" else None
        return None
    output = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return int(output) if output.isdigit() else None
