"""The guard: a process that outlives this one by a moment and ends the process groups it leaves behind.

Whoever is killed cannot end its children, and a lapsed task is given to another while they still work on it.
The guard is told of every group on a pipe, and reads the end of that pipe when its writer is gone, however it
went. Where there is /proc it also finds, by a mark in their environment, groups it was not told of any more
and children that left theirs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator

GRACE_S = 1.0
NAME = "OMOI_GUARD"
mark = uuid.uuid4().hex  # in the environment of all that this process starts for a job, as `mark.number`

_lock = threading.Lock()
_groups: set[int] = set()
_guard: subprocess.Popen[bytes] | None = None


def hire() -> None:
    """Have a guard, before there is anything to guard."""
    with _lock:
        _tell("")


@contextlib.contextmanager
def over(group: int) -> Iterator[None]:
    """Should this process die meanwhile, the group dies with it."""
    with _lock:
        _groups.add(group)
        _tell(f"+{group}\n")
    try:
        yield
    finally:
        with _lock:
            _groups.discard(group)
            _tell(f"-{group}\n")


def marked(start: str) -> list[int]:
    """The processes whose mark begins so; none where there is no /proc."""
    wanted, pids = f"{NAME}={start}".encode(), []
    for pid in filter(str.isdecimal, os.listdir("/proc") if os.path.isdir("/proc") else []):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as environment:
            if any(word.startswith(wanted) for word in environment.read().split(b"\0")):
                pids.append(int(pid))
    return pids


def _tell(lines: str) -> None:
    """Tell the guard. A new one, the first or in place of one that was killed, is told of all groups."""
    global _guard
    try:
        if _guard is None or _guard.poll() is not None:
            raise BrokenPipeError
        _write(_guard, lines)
    except BrokenPipeError:
        _guard = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )
        _write(_guard, "".join(f"+{group}\n" for group in _groups))


def _write(guard: subprocess.Popen[bytes], lines: str) -> None:
    assert guard.stdin
    guard.stdin.write(lines.encode())
    guard.stdin.flush()


def watch(mark: str) -> None:
    """The guard's own life: until the pipe ends, then its duty, then its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
    for what in (signal.SIGTERM, signal.SIGKILL):
        strays = marked(mark)
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, what)
        for stray in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray, what)
        if what is signal.SIGTERM:
            time.sleep(GRACE_S)  # who was just being started has its mark by then


if __name__ == "__main__":
    watch(sys.argv[1])
