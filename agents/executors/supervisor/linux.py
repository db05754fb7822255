"""What the kernel offers to find and end descendants. Elsewhere than on Linux these find and do nothing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper() -> None:
    """Whoever loses their parent below this process becomes its child, and is found among its children."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(by: signal.Signals) -> None:
    """Send this process `by` when the thread that forked it ends; cleared by a change of uid."""
    _prctl(PR_SET_PDEATHSIG, by)


def no_new_privileges() -> None:
    """No program that this process runs gains rights by its set-uid bit."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, value: int) -> None:
    if _libc:
        _libc.prctl(option, value, 0, 0, 0)


def children(pid: int) -> list[int]:
    """The children of all its threads."""
    pids: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                pids += map(int, file.read().split())
    return pids


def descendants(pid: int) -> Iterator[int]:
    """Parents come before their children."""
    waiting = children(pid)
    while waiting:
        pids, waiting = waiting, []
        for child in pids:
            yield child
            waiting += children(child)


def kill_tree(pids: list[int]) -> None:
    """Kill these and their descendants. A process that forks faster than we look may not fork any more."""
    seen: set[int] = set()
    while True:
        tree = [*pids, *(below for pid in pids for below in descendants(pid))]
        if not (fresh := set(tree) - seen):
            break
        for pid in fresh:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
        seen |= fresh
    for pid in seen:
        kill(pid, signal.SIGKILL)


def kill(pid: int, by: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, by)


def kill_user(uid: int) -> None:
    """Kill all processes of this uid at once, by one that becomes it. Only root can."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.kill(-1, signal.SIGKILL)  # all but the caller
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):  # a sweep of strays was faster
        os.waitpid(pid, 0)
