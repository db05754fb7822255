"""Free disk space: checked before work begins, and named in the error when it runs out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from omoi_site.serving.error_answers import NO_ROOM, StorageFull

TO_BEGIN = 300 << 20  # a data folder, its write-ahead log, and for root a copy of PostgreSQL
LEAST = 1 << 20  # with less, any failure is taken to come from this


class NoRoom(StorageFull):
    """The disk is full; the message says which and how much is needed."""

    title = "The disk is full"
    next_action = ""


def free(folder: Path) -> int:
    """Free bytes on the disk where `folder` is or would be created."""
    for path in (folder, *folder.parents):
        if path.exists():
            return shutil.disk_usage(path).free
    return 0


def demand(folder: Path, wanted: int) -> None:
    """Raise NoRoom unless that many bytes are free there."""
    if (left := free(folder)) < wanted:
        raise NoRoom(
            f"Only {left >> 20} MiB are free in {folder}, and {wanted >> 20} MiB are needed. Free some space,"
            " or set OMOI_HOME to a folder on a larger disk."
        )


@contextlib.contextmanager
def needed(folder: Path) -> Iterator[None]:
    """Turns "disk full" inside the block into NoRoom, which names the disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise NoRoom(
            f"The disk that holds {error.filename or folder} is full ({error.strerror}). Free some space,"
            " or set OMOI_HOME to a folder on a larger disk. Nothing that was acknowledged is lost;"
            " start again afterwards."
        ) from error
