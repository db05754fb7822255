"""Where things lie: what the user keeps in OMOI_HOME, and the ground that PostgreSQL and executors must reach.

Both are one folder, except for root: PostgreSQL refuses uid 0, and the account it runs as may be unable to enter OMOI_HOME.
Then the ground is /var/lib/omoi/<12 hex of OMOI_HOME's real path>; folders above OMOI_HOME are never opened up for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path

ELSEWHERE = Path("/var/lib/omoi")
SOCKET_NAME = ".s.PGSQL.5432"
EXECUTOR_UID = int(os.environ.get("OMOI_EXECUTOR_UID", "60917"))  # below 65,536: containers map no more
LONGEST_SOCKET_PATH = 99  # sun_path holds 108 bytes on Linux and 104 on macOS, and PostgreSQL's lock file beside it is five longer


@dataclass(frozen=True)
class Servant:
    """An account that root lends to what it starts: to PostgreSQL, and to executors."""

    name: str
    uid: int
    gid: int


def servant() -> Servant | None:
    """Whom root runs PostgreSQL as: `postgres`, else `nobody`. None when we are not root and run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return Servant(name, account.pw_uid, account.pw_gid)
    raise LookupError(
        "running as root, and there is neither an account `postgres` nor `nobody` to run PostgreSQL as: add one, or set DATABASE_URL"
    )


def executor() -> Servant | None:
    """Whom root runs executors as: a number of its own, which needs no account. None when we are not root."""
    return Servant("executor", EXECUTOR_UID, EXECUTOR_UID) if os.geteuid() == 0 else None


def make_home(home: Path) -> Path:
    """OMOI_HOME, made when missing: closed to others, but for root passable, so that its servant reaches the data inside."""
    home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    return home


def ground(home: Path) -> Path:
    """The folder for data, binaries and worktrees: as noted in `home/place`, else chosen; nothing is made."""
    with contextlib.suppress(FileNotFoundError):
        return Path(os.fsdecode((home / "place").read_bytes().rstrip(b"\n")))
    real = home.resolve()
    if all(account is None or passable(real, account) for account in (servant(), executor())):
        return real
    return ELSEWHERE / hashlib.sha256(os.fsencode(real)).hexdigest()[:12]


def make_ground(home: Path) -> Path:
    """The ground, made when missing and noted in `home/place`."""
    chosen = ground(make_home(home))
    for folder in (ELSEWHERE, chosen) if chosen.is_relative_to(ELSEWHERE) else (chosen,):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o711)
    note = home / "place"
    if not note.exists():
        note.write_bytes(os.fsencode(chosen) + b"\n")
    return chosen


def socket_folder(home: Path) -> Path:
    """Where PostgreSQL's socket lies: beside the data, or in a short folder when that path is too long for a socket or cannot name one host."""
    beside = ground(home) / "socket"
    if len(os.fsencode(beside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and not set(str(beside)) & set(',"'):
        return beside
    short = hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]
    return ELSEWHERE / short if os.geteuid() == 0 else Path(tempfile.gettempdir()) / f"omoi-{os.geteuid()}-{short}"


def passable(path: Path, account: Servant) -> bool:
    """Whether the account can walk down to `path`, as far as it exists; what is missing would be made by us."""
    return all(passable_here(folder, account) for folder in (path, *path.parents) if folder.exists())


def passable_here(folder: Path, account: Servant) -> bool:
    """Whether the account may enter this one folder, once it stands before it."""
    return _may(folder, account, 0o1)


def _may(path: Path, account: Servant, right: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & right << 6)
    if status.st_gid == account.gid:
        return bool(status.st_mode & right << 3)
    return bool(status.st_mode & right)
