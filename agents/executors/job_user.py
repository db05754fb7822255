"""Who jobs run as. Under root each job has a uid of its own while it runs, which reaches neither the server's
secrets, nor the database's files, nor another job's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agents.executors.removal import remove
from agents.executors.supervisor import linux
from omoi_site.setup import paths

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UIDS = 256  # from OMOI_EXECUTOR_UID on; so many jobs can run at a time on this machine
IN_USE = b"!"  # in the file that reserves a uid, until its job is followed to its end
COMMON_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


class Unreachable(Exception):
    """The job's user cannot run this; the message says why and what to do."""


@dataclass(frozen=True)
class JobUser:
    """uid: nobody else's while the job runs. lock: the descriptor that reserves it."""

    uid: int
    gid: int
    lock: int


@contextlib.contextmanager
def job_user(shared: str) -> Iterator[JobUser | None]:
    """A user for one job; None when we are not root. Jobs that share a folder have its group."""
    if os.geteuid() != 0:
        yield None
        return
    uid, lock = _reserve()
    try:
        _clear(uid, lock)
        os.pwrite(lock, IN_USE, 0)
        yield JobUser(uid, shared_gid(shared) if shared else paths.EXECUTOR_UID, lock)
        _remove_files(uid)
        os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def _reserve() -> tuple[int, int]:
    """A uid that no job has, and the descriptor that reserves it."""
    folder = paths.ELSEWHERE / "uids"
    folder.mkdir(parents=True, exist_ok=True)
    for uid in range(paths.EXECUTOR_UID, paths.EXECUTOR_UID + UIDS):
        if (lock := _lock(folder / str(uid))) is not None:
            return uid, lock
    raise OSError(errno.EBUSY, f"all {UIDS} uids for jobs from {paths.EXECUTOR_UID} on are in use")


def _lock(file: Path) -> int | None:
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def clear_users() -> None:
    """End and remove what is left of jobs whose worker and supervisor were killed together."""
    if os.geteuid() != 0:
        return
    for uid in range(paths.EXECUTOR_UID, paths.EXECUTOR_UID + UIDS):
        file = paths.ELSEWHERE / "uids" / str(uid)
        if file.exists() and (lock := _lock(file)) is not None:
            try:
                _clear(uid, lock)
            finally:
                os.close(lock)


def _clear(uid: int, lock: int) -> None:
    """The job that had this uid before may not have been followed to its end: then something may be left."""
    if os.pread(lock, 1, 0):
        linux.kill_user(uid)
        _remove_files(uid)
        os.ftruncate(lock, 0)


def shared_gid(name: str) -> int:
    """The group of a shared folder: a number from those of the uids, which no other job has as its group."""
    return paths.EXECUTOR_UID + 1 + zlib.crc32(name.encode()) % (UIDS - 1)


def _remove_files(uid: int) -> None:
    """What the job left in folders that all users share: the next job with this uid would own it."""
    for folder in COMMON_FOLDERS:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == uid:
                        remove(Path(entry.path))


def program(name: str, path: str, *, sandboxed: bool = False) -> str:
    """Where the program `name` lies, looked for in `path` as a shell would; raises Unreachable. In a sandbox
    it can lie anywhere, for it is brought there.
    """
    program_path = shutil.which(name, path=path)
    if not program_path:
        raise Unreachable(
            f"there is no program {name} in {path}" if "/" not in name else f"{name} is not a program"
        )
    if not sandboxed and (barrier := _barrier(Path(program_path))):
        raise Unreachable(_closed(name, barrier))
    if os.geteuid() == 0 and not os.stat(program_path).st_mode & stat.S_IXOTH:
        raise Unreachable(f"only its owner may run {program_path}, and jobs have users of their own")
    return program_path


def interpreter(*candidates: str) -> str:
    """The first Python of `candidates` that the job's user can run; raises Unreachable."""
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
    """The folder on the way to `path`, links followed, that the job's user cannot enter."""
    account = paths.executor()
    if account is None:
        return None
    for end in (path.absolute(), path.resolve()):
        for folder in reversed(end.parents):
            if not paths.may_enter(folder, account):
                return folder
    return None
