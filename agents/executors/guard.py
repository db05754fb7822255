"""The guard: a process that outlives this one by a moment and ends the process groups it leaves behind.

Whoever is killed cannot end its children, and a lapsed task is given to another while they still work on it. The guard is
told of every group on a pipe, and reads the end of that pipe when its writer is gone, however it went.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

MERCY_S = 1.0

_lock = threading.Lock()
_groups: set[int] = set()
_guard: subprocess.Popen[bytes] | None = None


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


def _tell(line: str) -> None:
    """Tell the guard; the first one hired, or hired anew after somebody killed it, is told of all."""
    global _guard
    try:
        if _guard is None:
            raise BrokenPipeError
        _write(_guard, line)
    except BrokenPipeError:
        _guard = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
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


def watch() -> None:
    """The guard's own life: until the pipe ends, then its duty, then its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
    for what in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, what)
        if groups and what is signal.SIGTERM:
            time.sleep(MERCY_S)


if __name__ == "__main__":
    watch()
