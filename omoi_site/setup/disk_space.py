"""Room on the disk: asked before something is begun, and named when it ran out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from omoi_site.serving.error_answers import NO_ROOM, StorageFull

TO_BEGIN = 300 << 20  # a data folder, its write-ahead log, and for root a copy of PostgreSQL
LEAST = 1 << 20  # with less, whatever fails fails for this


class NoRoom(StorageFull):
    """The disk is full; the message says which and how much is needed."""

    title = "There is no room"
    next_action = ""


def free(folder: Path) -> int:
    """Bytes free where `folder` is or would be made."""
    for path in (folder, *folder.parents):
        if path.exists():
            return shutil.disk_usage(path).free
    return 0


def demand(folder: Path, wanted: int) -> None:
    """Return when that many bytes are free there; raises NoRoom."""
    if (left := free(folder)) < wanted:
        raise NoRoom(
            f"Only {left >> 20} MiB are free in {folder}, and {wanted >> 20} MiB are needed. Free some space,"
            " or set OMOI_HOME to a folder on a larger disk."
        )


@contextlib.contextmanager
def needed(folder: Path) -> Iterator[None]:
    """A disk that is full is refused by name."""
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
