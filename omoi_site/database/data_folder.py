"""PostgreSQL's data folder, seen from outside: whether a server may be running in it, and copies of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SHUT_DOWN = (1).to_bytes(4, sys.byteorder)  # DB_SHUTDOWNED, the state in PostgreSQL's pg_control


def may_be_served(data: Path) -> bool:
    """Whether a PostgreSQL may be running in that data folder; False only if that is certain.

    A killed server leaves its `postmaster.pid` behind, and the pid may now belong to another program. A
    server's working directory is its data folder, so that is compared.
    """
    try:
        owner = abs(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    try:
        os.kill(owner, 0)
    except (ProcessLookupError, PermissionError):  # a server of ours would run under our uid
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


def at_rest(data: Path) -> bytes | None:
    """PostgreSQL's control file, which changes at each start and stop; None unless the server was shut down
    cleanly.
    """
    with contextlib.suppress(OSError):
        control = (data / "global" / "pg_control").read_bytes()
        if not (data / "postmaster.pid").exists() and control[16:20] == SHUT_DOWN:
            return control
    return None


def copy(source: Path, target: Path) -> bool:
    """Copy a data folder with its owner; the target appears only when the copy is complete. False, and no
    copy, if the source was used meanwhile.
    """
    scratch, before = target.with_suffix(".new"), at_rest(source)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch, symlinks=True)
    if before is None or at_rest(source) != before:
        shutil.rmtree(scratch)
        return False
    if os.geteuid() == 0:
        owner = source.stat()
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    scratch.rename(target)
    return True
