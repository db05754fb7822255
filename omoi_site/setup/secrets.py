"""The secrets of an installation: created on the first start, readable only by their owner."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from omoi_site.setup import paths

_made: set[Path] = set()  # by this process


def secret_key(home: Path, *, make: bool = True) -> str:
    """SECRET_KEY from the environment, else from `home/secret_key`. If there is none, and `make` is False, a
    temporary key for this process.
    """
    if chosen := os.environ.get("OMOI_SECRET_KEY"):
        return chosen
    return kept(home, paths.SECRET_KEY) if make else read(home, paths.SECRET_KEY) or secrets.token_urlsafe(48)


def kept(home: Path, name: str) -> str:
    """The secret in `home/name`, created if missing (mode 0600)."""
    if secret := read(home, name):
        return secret
    paths.make_home(home)
    fresh = secrets.token_urlsafe(48)
    scratch = home / f".{name}.{os.getpid()}"
    try:
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, home / name)  # the first of several starters wins
        _made.add(home / name)
    except FileExistsError:
        return read(home, name)
    finally:
        scratch.unlink(missing_ok=True)
    return fresh


def take_back(home: Path) -> None:
    """Remove a new OMOI_HOME in which this process has created only the signing key and the lock."""
    if home / paths.SECRET_KEY in _made:
        for name in (paths.SECRET_KEY, "lock"):
            (home / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it contains more, so it stays
            home.rmdir()


def read(home: Path, name: str) -> str:
    """The secret in `home/name`; empty if there is none yet."""
    with contextlib.suppress(FileNotFoundError):
        return (home / name).read_text().strip()
    return ""
