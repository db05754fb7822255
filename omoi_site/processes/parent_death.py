"""Makes a child process end with its parent, however the parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(by: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the child gets the signal `by` when its parent is gone, and leads its own process
    group.

    Only Linux can do this. The signal is sent when the *thread* that forked ends, so fork from the main
    thread. Popen runs this after setuid, which would clear it.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    parent = os.getpid()

    def in_the_child() -> None:
        os.setpgid(0, 0)  # so Ctrl-C reaches only the supervisor, which then ends its children in order
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, by)
            if os.getppid() != parent:  # the parent died before prctl
                os.kill(os.getpid(), by)

    return in_the_child
