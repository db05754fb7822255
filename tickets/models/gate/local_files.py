"""A storage in a folder whose files survive a power failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage

SCRATCH = ".new"  # the end of a name while the file is being written


class LocalFiles(FileSystemStorage):
    """Files that only this account may read. One that was saved is complete on the disk, with its name."""

    def __init__(self, location: str) -> None:
        super().__init__(location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def _save(self, name: str, content: Any) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = path.with_name(f"{path.name}{SCRATCH}")
        try:
            with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for data in content.chunks():
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.rename(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        for folder in (path.parent, path.parent.parent):
            _sync(folder)
        return name

    def delete(self, name: str) -> None:
        """Delete it, with what a crash in the middle of writing it has left."""
        super().delete(name)
        Path(self.path(f"{name}{SCRATCH}")).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Until then, a power failure could take the names in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
