"""How a role tells whoever started it that it works: one line on the descriptor named by OMOI_READY_FD."""

from __future__ import annotations

import contextlib
import os


def report_ready() -> None:
    """Say so once; without a listener it is silent."""
    if fd := os.environ.pop("OMOI_READY_FD", ""):
        with contextlib.suppress(OSError), os.fdopen(int(fd), "w") as waiting:
            waiting.write("ready\n")
