"""Where a bench keeps its files: a folder that is removed at the end, however the bench ends."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omoi_site.setup import paths

AGAIN_S = 1.0


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder for the block, which may serve as an OMOI_HOME.

    Every bench works in one. SIGTERM then ends it as Ctrl-C does: through its `finally`s, in which its
    processes end before the folder is removed.
    """
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    folder = Path(tempfile.mkdtemp(prefix="omoi-bench-"))
    folder.chmod(0o711)  # jobs run as other users
    try:
        yield folder
    finally:
        with undisturbed():
            for each in (paths.socket_folder(folder), paths.data_folder(folder), folder):
                shutil.rmtree(each, ignore_errors=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """For what cleans up: a signal that comes meanwhile ends the bench after it."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(*_: Any) -> None:
    # At a fork, and wherever Python runs a callback, the exception is ignored: then it is raised again.
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    sys.exit(143)
