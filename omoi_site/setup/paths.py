"""Where things lie: what the user keeps in OMOI_HOME, and the data folder that PostgreSQL and executors must
reach.

Both are one folder, except for root: PostgreSQL refuses uid 0, and the account it runs as may be unable to
enter OMOI_HOME. Then the data folder is /var/lib/omoi/<12 hex of OMOI_HOME's real path>; folders above
OMOI_HOME are never opened up for it.

`OMOI_HOME/place` notes the data folder, and the OMOI_HOME it is the data folder of. A copy of an OMOI_HOME
brings that note along: it must not work on the database of the one it was copied from, so it is refused until
somebody says what it is (`up --moved`, `--adopt` or `--begin-anew`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from omoi_site.errors import OmoiError

ELSEWHERE = Path("/var/lib/omoi")
SECRET_KEY, PASSWORD, PASSWORD_OF_SUPERUSER = (
    "secret_key",
    "password",
    "password.superuser",
)  # files in OMOI_HOME, see `secrets`
SOCKET_NAME = ".s.PGSQL.5432"
SHUT_DOWN = (1).to_bytes(4, sys.byteorder)  # DB_SHUTDOWNED, the state in PostgreSQL's pg_control
EXECUTOR_UID = int(os.environ.get("OMOI_EXECUTOR_UID", "60917"))  # below 65,536: containers map no more
# sun_path holds 108 bytes on Linux and 104 on macOS, and PostgreSQL's lock file beside it is five longer
LONGEST_SOCKET_PATH = 99


class Displaced(OmoiError):
    """This OMOI_HOME was copied or moved: its database is another folder's, or is not there."""

    code = "home_displaced"
    status = 503
    title = "This OMOI_HOME belongs to another place"


class DataGone(OmoiError):
    """This OMOI_HOME had a database, and it is not there any more."""

    code = "data_gone"
    status = 503
    title = "The database is gone"


@dataclass(frozen=True)
class ServiceUser:
    """An account that root lends to what it starts: to PostgreSQL, and to executors."""

    name: str
    uid: int
    gid: int


def service_user() -> ServiceUser | None:
    """Whom root runs PostgreSQL as: `postgres`, else `nobody`. None when we are not root and run it
    ourselves.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return ServiceUser(name, account.pw_uid, account.pw_gid)
    raise LookupError(
        "running as root, and there is neither an account `postgres` nor `nobody` to run PostgreSQL as:"
        " add one, or set DATABASE_URL"
    )


def executor() -> ServiceUser | None:
    """Whom root runs executors as: a number of its own, which needs no account. None when we are not root."""
    return ServiceUser("executor", EXECUTOR_UID, EXECUTOR_UID) if os.geteuid() == 0 else None


def make_home(home: Path) -> Path:
    """OMOI_HOME, made when missing: closed to others, but for root open to walk through, so that its service
    user reaches the data inside.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    return home


@dataclass(frozen=True)
class Note:
    """What `place` says: the data folder, and the OMOI_HOME it was made for, as far as the note tells."""

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
        # notes of earlier versions have one line; of a data folder inside its home that tells both
        return cls(
            lines[0], lines[1] if len(lines) > 1 else None if lines[0].is_relative_to(ELSEWHERE) else lines[0]
        )

    def speaks_of(self, home: Path) -> bool:
        """Whether this is the very folder, by whatever path it is reached."""
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
    """The folder for data, binaries and worktrees: as noted in `home/place`, else chosen; nothing is made.
    Raises Displaced.
    """
    if note := Note.of(home):
        if not note.speaks_of(home):
            raise _displaced(home, note)
        return note.data_folder
    return _chosen(home)


def _displaced(home: Path, note: Note) -> Displaced:
    origin_exists = note.home is not None and note.home.exists()
    origin = note.home or "another folder"
    return Displaced(
        f"{home} was {'copied' if origin_exists else 'copied or moved'} from {origin},"
        f" and its database is the one in {note.data_folder}. Nothing was touched.",
        next_action=(
            "Choose one. If the folder was moved: `python3 manage.py up --moved`. If it is a copy that needs"
            " its own copy of the database: `python3 manage.py up --adopt`. To start here with an empty"
            " database: `python3 manage.py up --begin-anew`."
        ),
    )


def _chosen(home: Path) -> Path:
    real = home.resolve()
    if all(account is None or reachable(real, account) for account in (service_user(), executor())):
        return real
    return _elsewhere(real)


def _elsewhere(real: Path) -> Path:
    return ELSEWHERE / hashlib.sha256(os.fsencode(real)).hexdigest()[:12]


def make_data_folder(home: Path) -> Path:
    """The data folder, made when missing and noted in `home/place`."""
    chosen = data_folder(make_home(home))
    for folder in (ELSEWHERE, chosen) if chosen.is_relative_to(ELSEWHERE) else (chosen,):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o711)
    if Note.of(home) is None:
        Note(chosen, home.resolve()).write(home)
    return chosen


def expect_data(home: Path) -> None:
    """Return when there is a database, or never was one; raises DataGone. An empty one made in its place
    would look as if all were lost.
    """
    data = data_folder(home) / "data"
    if (home / PASSWORD).exists() and not data.exists():
        raise DataGone(
            f"{home} had its database in {data}, and that folder is not there any more."
            " Nothing was made in its place.",
            next_action=(
                "Put the folder back. If it is lost for good,"
                " `python3 manage.py up --begin-anew` starts with an empty database; the dumps in"
                f" {home / 'backups'} stay."
            ),
        )


def resolve_displaced(home: Path, how: str) -> str:
    """Make a displaced OMOI_HOME one of its own, by the caller who holds its lock; what was done, in a
    sentence. Raises Displaced.

    how: `moved`: it takes the place of the one it was moved from, which is gone. `adopt`: with a copy of that
    one's database. `begin-anew`: with none; what a copy brought along is kept beside it. But for `moved` it
    is an installation of its own from then on, and signs with a key of its own: what the other one signed is
    not valid here, nor the other way round.
    """
    note = Note.of(home)
    if note is None or note.speaks_of(home):  # without a note it is where it is, as for `data_folder`
        data = data_folder(home) / "data"
        if how != "begin-anew" or not (home / PASSWORD).exists() or data.exists():
            return ""
        _forget(home, PASSWORD, PASSWORD_OF_SUPERUSER, SECRET_KEY)
        return f"{home} begins anew with an empty database."
    real, inside = home.resolve(), note.home is not None and note.data_folder == note.home
    if how == "moved":
        if note.home is not None and (note.home / "place").exists():
            raise Displaced(
                f"{note.home} is still there: two folders cannot share one database. If this"
                " one is a copy, run `python3 manage.py up --adopt`. If you no longer need the other,"
                " remove it."
            )
        if may_be_served((real if inside else note.data_folder) / "data"):
            raise Displaced(
                f"PostgreSQL is running in {note.data_folder / 'data'}: the Omoi that this folder was moved"
                " from still runs.",
                next_action="Stop it first (Ctrl-C there), or run `python3 manage.py up --adopt`.",
            )
        Note(real if inside else note.data_folder, real).write(home)
        return f"{home} takes the place of {note.home or 'the folder it was moved from'}."
    chosen = _chosen(home)
    brought = real / "data" if inside else note.data_folder / "data"
    if how == "adopt":
        if not (brought / "PG_VERSION").exists():
            raise Displaced(
                f"There is no database to adopt in {brought}.",
                next_action="Run `python3 manage.py up --begin-anew`, then restore a backup.",
            )
        in_use = Displaced(
            f"The database in {brought} was in use when it was copied, or still is:"
            " such a copy cannot be trusted.",
            next_action="Stop the other Omoi (Ctrl-C there), copy the folder again, and run this again.",
        )
        if _at_rest(brought) is None:
            raise in_use
        if chosen / "data" != brought:
            chosen.mkdir(parents=True, exist_ok=True)
            if not _copy(brought, chosen / "data"):
                raise in_use
        _forget(home, SECRET_KEY)
        sentence = (
            f"{home} has a copy of the database of {note.home or note.data_folder} and leaves that one alone."
        )
    else:
        if (chosen / "data").exists():
            (chosen / "data").rename(chosen / f"data.before-{time.strftime('%Y%m%dT%H%M%S')}")
        _forget(home, PASSWORD, PASSWORD_OF_SUPERUSER, SECRET_KEY)
        sentence = f"{home} begins anew with an empty database; what was here before is kept beside it."
    Note(chosen, real).write(home)
    return sentence


def _forget(home: Path, *names: str) -> None:
    """Others are made when they are needed."""
    for name in names:
        (home / name).unlink(missing_ok=True)


def may_be_served(data: Path) -> bool:
    """Whether a PostgreSQL may be at work in that data folder; False only where that is certain.

    Its `postmaster.pid` stays behind when it is killed, and the number may be another program's by now: a
    server stands in its data folder.
    """
    try:
        owner = abs(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    try:
        os.kill(owner, 0)
    except (ProcessLookupError, PermissionError):  # a server of ours runs as who we are
        return False
    except OverflowError:
        return True
    try:
        if Path("/proc/self/cwd").exists():
            return os.path.samestat(os.stat(f"/proc/{owner}/cwd"), data.stat())
        command = subprocess.run(
            ["ps", "-ww", "-o", "command=", "-p", str(owner)], capture_output=True, text=True, timeout=5
        ).stdout.strip()
        return not command or "postgres" in command
    except (OSError, subprocess.SubprocessError):
        return True


def _at_rest(data: Path) -> bytes | None:
    """What PostgreSQL notes of a data folder at each start and end; None unless it was shut down in good
    order.
    """
    with contextlib.suppress(OSError):
        control = (data / "global" / "pg_control").read_bytes()
        if not (data / "postmaster.pid").exists() and control[16:20] == SHUT_DOWN:
            return control
    return None


def _copy(source: Path, target: Path) -> bool:
    """A data folder with all in it, and the account it belongs to, whole under its name; False and nothing
    when it was used meanwhile.
    """
    scratch, before = target.with_suffix(".new"), _at_rest(source)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch, symlinks=True)
    if before is None or _at_rest(source) != before:
        shutil.rmtree(scratch)
        return False
    if os.geteuid() == 0:
        owner = source.stat()
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    scratch.rename(target)
    return True


def socket_folder(home: Path) -> Path:
    """Where PostgreSQL's socket lies: beside the data, or in a short folder when that path is too long for a
    socket or cannot name one host.
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
    """Whether the account can walk down to `path`, as far as it exists; what is missing we would make."""
    return all(may_enter(folder, account) for folder in (path, *path.parents) if folder.exists())


def may_enter(folder: Path, account: ServiceUser) -> bool:
    """Whether the account may enter this one folder, once it stands before it."""
    return _may(folder, account, 0o1)


def _may(path: Path, account: ServiceUser, right: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & right << 6)
    if status.st_gid == account.gid:
        return bool(status.st_mode & right << 3)
    return bool(status.st_mode & right)
