"""Where a bench keeps its files: a folder that is removed at the end, however the bench ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ending import delayed, end_by_signal, undisturbed
from bench.processes import stop_all
from omoi_site.setup import paths


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder for the block, which may serve as an OMOI_HOME.

    Every bench works in one. What it started ends before the folder is removed.
    """
    end_by_signal()
    folder = None
    try:
        with delayed():
            folder = Path(tempfile.mkdtemp(prefix="omoi-bench-"))
            folder.chmod(0o711)  # jobs run as other users
        yield folder
    finally:
        with undisturbed():
            stop_all()
            for each in (paths.socket_folder(folder), paths.data_folder(folder), folder) if folder else ():
                shutil.rmtree(each, ignore_errors=True)
