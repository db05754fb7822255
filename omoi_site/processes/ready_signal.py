"""A role reports that it is ready: it writes one line to the descriptor in OMOI_READY_FD."""

from __future__ import annotations

import contextlib
import os


def report_ready() -> None:
    """Report it once; without OMOI_READY_FD this does nothing."""
    if fd := os.environ.pop("OMOI_READY_FD", ""):
        with contextlib.suppress(OSError), os.fdopen(int(fd), "w") as waiting:
            waiting.write("ready\n")
