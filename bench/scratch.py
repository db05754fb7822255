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


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder for the block, which may serve as an OMOI_HOME.

    Every bench works in one. SIGTERM then ends it as Ctrl-C does: through its `finally`s, in which its
    processes end before the folder is removed.
    """
    signal.signal(signal.SIGTERM, _end)
    folder = Path(tempfile.mkdtemp(prefix="omoi-bench-"))
    folder.chmod(0o711)  # jobs run as other users
    try:
        yield folder
    finally:
        for each in (paths.socket_folder(folder), paths.data_folder(folder), folder):
            shutil.rmtree(each, ignore_errors=True)


def _end(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one does not break off the removal
    sys.exit(143)
