"""Who jobs run as. Root gives them a uid of their own, so that they reach neither the server's secrets nor
the database's files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from omoi_site.setup import paths

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Unreachable(Exception):
    """The job's account cannot run this; the message says why and what to do."""


def as_executor() -> dict[str, Any]:
    """How to start a process as the executors' account (words for Popen); nothing unless we are root."""
    account = paths.executor()
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def program(name: str, path: str) -> str:
    """Where the program `name` lies, looked for in `path` as a shell would; raises Unreachable."""
    path_found = shutil.which(name, path=path)
    if not path_found:
        raise Unreachable(
            f"there is no program {name} in {path}" if "/" not in name else f"{name} is not a program"
        )
    if barrier := _barrier(Path(path_found)):
        raise Unreachable(_closed(name, barrier))
    return path_found


def interpreter(*candidates: str) -> str:
    """The first Python of `candidates` that the job's account can run; raises Unreachable."""
    barriers = {}
    for candidate in candidates:
        barriers[candidate] = _barrier(Path(candidate))
        if barriers[candidate] is None and os.access(candidate, os.X_OK):
            return candidate
    name, barrier = next(iter(barriers.items()))
    raise Unreachable(_closed(name, barrier or Path(name)))


def can_read(folder: Path) -> bool:
    account = paths.executor()
    return account is None or (paths.reachable(folder, account) and bool(folder.stat().st_mode & 0o004))


def _closed(name: str, barrier: Path) -> str:
    account = paths.executor()
    return (
        f"executors run as uid {account.uid if account else os.geteuid()} here,"
        f" which cannot enter {barrier}, where {name} lies: install it where every account can reach it,"
        " for example under /usr or /opt, or do not run Omoi as root"
    )


def _barrier(path: Path) -> Path | None:
    """The folder on the way to `path`, links followed, that the job's account cannot enter."""
    account = paths.executor()
    if account is None:
        return None
    for end in (path.absolute(), path.resolve()):
        for folder in reversed(end.parents):
            if not paths.may_enter(folder, account):
                return folder
    return None
