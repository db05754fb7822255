"""The running server of an OMOI_HOME: its lock, and `server.json`, by which commands find it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, TextIO

from omoi_site.errors import OmoiError
from omoi_site.setup import paths


class RunsAlready(OmoiError):
    """Another process uses this OMOI_HOME; the message names it."""

    code = "runs_already"
    title = "Omoi already runs here"


def acquire_lock(home: Path) -> TextIO:
    """Take the lock of `home`. It is held until the file is closed or the process ends, however it ends."""
    lock = (paths.make_home(home) / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid, _, address = lock.read().strip().partition(" ")
        lock.close()
        raise RunsAlready(
            f"Omoi already runs in {home}: pid {pid or 'unknown'}, {address or 'just starting'}."
            f" Use that one, stop it first (Ctrl-C there, or `kill {pid or 'its pid'}`),"
            " or start a second one in another folder: OMOI_HOME=another/folder"
        ) from None
    describe_holder(lock, "")
    return lock


def describe_holder(lock: TextIO, what: str) -> None:
    """Write into the lock file what `acquire_lock` shows to others: an address or a state."""
    lock.truncate(0)
    lock.write(f"{os.getpid()} {what}\n")
    lock.flush()


def find(home: Path) -> dict[str, Any] | None:
    """The content of `server.json` if the server of `home` runs, else None."""
    try:
        with (home / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_server_file(home)
    except FileNotFoundError:
        pass
    return None


def read_server_file(home: Path) -> dict[str, Any] | None:
    """The content of `server.json`, whether or not that server still runs."""
    try:
        return dict(json.loads((home / "server.json").read_text()))
    except (FileNotFoundError, ValueError):
        return None


def write_server_file(home: Path, facts: dict[str, Any]) -> None:
    """Write `server.json`, readable only by its owner. A reader sees the old or the new content, never a
    part.
    """
    scratch = home / ".server.json.new"
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file)
    scratch.rename(home / "server.json")


def remove_server_file(home: Path) -> None:
    (home / "server.json").unlink(missing_ok=True)


def end_leftovers(home: Path, patience: float = 20) -> None:
    """End the children of a killed supervisor. We hold its lock, so nobody else supervises them."""
    left = {
        pid
        for role, pid in ((read_server_file(home) or {}).get("children") or {}).items()
        if _is(pid, role, home)
    }
    deadline = time.monotonic() + patience
    for pid in left:
        _send(pid, signal.SIGTERM)
    while left := {pid for pid in left if _lives(pid)}:
        if time.monotonic() > deadline:
            for pid in left:
                _send(pid, signal.SIGKILL)
        time.sleep(0.05)


def _is(pid: int, role: str, home: Path) -> bool:
    """Whether that process is the role of this home, and not another program with the same pid.

    Only Linux can tell.
    """
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return role.encode() in words and os.fsencode(f"OMOI_HOME={home}") in Path(
            f"/proc/{pid}/environ"
        ).read_bytes().split(b"\0")
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _send(pid: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)
