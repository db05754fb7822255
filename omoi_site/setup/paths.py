"""The folders: OMOI_HOME with what the user keeps, and the data folder that PostgreSQL and executors must
reach.

Both are the same folder, except for root: PostgreSQL refuses uid 0, and the account it runs as may be unable
to enter OMOI_HOME. Then the data folder is /var/lib/omoi/<12 hex digits of OMOI_HOME's real path>. The
permissions of folders above OMOI_HOME are never changed.

`OMOI_HOME/place` records the data folder and the OMOI_HOME that it belongs to. A copy of an OMOI_HOME has
that file too. It must not use the database of the original, so it is refused until somebody says what it is
(`up --moved`, `--adopt` or `--begin-anew`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path

from omoi_site.errors import OmoiError

ELSEWHERE = Path("/var/lib/omoi")
# files in OMOI_HOME, see `secrets`
SECRET_KEY = "secret_key"
PASSWORD, PASSWORD_OF_OWNER, PASSWORD_OF_SUPERUSER = "password", "password.owner", "password.superuser"
PASSWORDS = (PASSWORD, PASSWORD_OF_OWNER, PASSWORD_OF_SUPERUSER)
SOCKET_NAME = ".s.PGSQL.5432"
EXECUTOR_UID = int(os.environ.get("OMOI_EXECUTOR_UID", "60917"))  # below 65,536: containers map no more
# sun_path holds 108 bytes on Linux and 104 on macOS, and PostgreSQL's lock file beside it is five longer
LONGEST_SOCKET_PATH = 99


class Displaced(OmoiError):
    """This OMOI_HOME was copied or moved: its database belongs to another folder, or is missing."""

    code = "home_displaced"
    status = 503
    title = "This OMOI_HOME belongs to another place"


class DataGone(OmoiError):
    """This OMOI_HOME had a database that is now missing."""

    code = "data_gone"
    status = 503
    title = "The database is gone"


@dataclass(frozen=True)
class ServiceUser:
    """An account under which root runs PostgreSQL or executors."""

    name: str
    uid: int
    gid: int


def service_user() -> ServiceUser | None:
    """The account under which root runs PostgreSQL: `postgres`, else `nobody`. None if we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return ServiceUser(name, account.pw_uid, account.pw_gid)
    raise LookupError(
        "Omoi runs as root, but PostgreSQL cannot, and neither the account `postgres` nor `nobody`"
        " exists. Add one, or set DATABASE_URL."
    )


def executor() -> ServiceUser | None:
    """The uid under which root runs executors; it needs no account. None if we are not root."""
    return ServiceUser("executor", EXECUTOR_UID, EXECUTOR_UID) if os.geteuid() == 0 else None


def make_home(home: Path) -> Path:
    """OMOI_HOME, created if missing. Others cannot read it; if root owns it, they can pass through, so that
    the service user reaches the data inside.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    return home


@dataclass(frozen=True)
class Note:
    """The content of `place`: the data folder, and the OMOI_HOME it was made for, if known."""

    data_folder: Path
    home: Path | None

    @classmethod
    def of(cls, home: Path) -> Note | None:
        try:
            lines = [Path(os.fsdecode(line)) for line in (home / "place").read_bytes().split(b"\n") if line]
        except FileNotFoundError:
            return None
        if not lines:
            return None
        # earlier versions wrote one line; for a data folder inside its home that is enough
        return cls(
            lines[0], lines[1] if len(lines) > 1 else None if lines[0].is_relative_to(ELSEWHERE) else lines[0]
        )

    def speaks_of(self, home: Path) -> bool:
        """Whether the note is about this folder, whatever path leads to it."""
        real = home.resolve()
        if self.home is None:
            return self.data_folder == _elsewhere(real)
        with contextlib.suppress(OSError):
            return self.home == real or self.home.samefile(real)
        return False

    def write(self, home: Path) -> None:
        scratch = home / "place.new"
        scratch.write_bytes(
            b"".join(os.fsencode(path) + b"\n" for path in (self.data_folder, self.home) if path)
        )
        scratch.rename(home / "place")


def data_folder(home: Path) -> Path:
    """The folder for data, binaries and worktrees: as `home/place` says, else chosen. Creates nothing. Raises
    Displaced.
    """
    if note := Note.of(home):
        if not note.speaks_of(home):
            raise _displaced(home, note)
        return note.data_folder
    return chosen(home)


def _displaced(home: Path, note: Note) -> Displaced:
    origin_exists = note.home is not None and note.home.exists()
    origin = note.home or "another folder"
    return Displaced(
        f"{home} was {'copied' if origin_exists else 'copied or moved'} from {origin},"
        f" and its database is the one in {note.data_folder}. Nothing was changed.",
        next_action=(
            "Choose one. If the folder was moved: `python3 manage.py up --moved`. If it is a copy that needs"
            " its own copy of the database: `python3 manage.py up --adopt`. To start here with an empty"
            " database: `python3 manage.py up --begin-anew`."
        ),
    )


def chosen(home: Path) -> Path:
    real = home.resolve()
    if all(account is None or reachable(real, account) for account in (service_user(), executor())):
        return real
    return _elsewhere(real)


def _elsewhere(real: Path) -> Path:
    return ELSEWHERE / hashlib.sha256(os.fsencode(real)).hexdigest()[:12]


def make_data_folder(home: Path) -> Path:
    """The data folder, created if missing and recorded in `home/place`."""
    chosen = data_folder(make_home(home))
    for folder in (ELSEWHERE, chosen) if chosen.is_relative_to(ELSEWHERE) else (chosen,):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o711)
    if Note.of(home) is None:
        Note(chosen, home.resolve()).write(home)
    return chosen


def expect_data(home: Path) -> None:
    """Raise DataGone if there was a database and it is missing. A new, empty one would look as if everything
    were lost.
    """
    data = data_folder(home) / "data"
    if (home / PASSWORD).exists() and not data.exists():
        raise DataGone(
            f"{home} had its database in {data}, and that folder is missing. No new one was created.",
            next_action=(
                "Put the folder back. If it is lost for good,"
                " `python3 manage.py up --begin-anew` starts with an empty database; the dumps in"
                f" {home / 'backups'} stay."
            ),
        )


def socket_folder(home: Path) -> Path:
    """The folder of PostgreSQL's socket: beside the data, or a folder with a short path if that one is too
    long or not valid as a host name.
    """
    beside = data_folder(home) / "socket"
    if len(os.fsencode(beside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and not set(str(beside)) & set(',"'):
        return beside
    short = hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]
    return (
        ELSEWHERE / short
        if os.geteuid() == 0
        else Path(tempfile.gettempdir()) / f"omoi-{os.geteuid()}-{short}"
    )


def reachable(path: Path, account: ServiceUser) -> bool:
    """Whether the account can reach `path`, as far as it exists; we would create the rest."""
    return all(may_enter(folder, account) for folder in (path, *path.parents) if folder.exists())


def may_enter(folder: Path, account: ServiceUser) -> bool:
    """Whether the account may enter this folder from its parent."""
    return _may(folder, account, 0o1)


def _may(path: Path, account: ServiceUser, right: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & right << 6)
    if status.st_gid == account.gid:
        return bool(status.st_mode & right << 3)
    return bool(status.st_mode & right)
