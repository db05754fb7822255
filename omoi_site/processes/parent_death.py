"""Children that end with their parent, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(by: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the child is sent `by` when its parent is gone, and leads a process group of its own.

    Linux alone can do it. It fires when the *thread* that forked ends, so fork from the main thread. Popen
    runs it after setuid, which would clear it.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    parent = os.getpid()

    def in_the_child() -> None:
        os.setpgid(
            0, 0
        )  # Ctrl-C of the terminal reaches the supervisor alone, which then ends its children in order
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, by)
            if os.getppid() != parent:  # it died before we asked
                os.kill(os.getpid(), by)

    return in_the_child
