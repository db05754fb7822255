"""The one secret of an installation: made on the first start, readable by its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def secret_key(home: Path) -> str:
    """SECRET_KEY of the environment, else the one kept in `home/secret_key` (made when missing, 0600)."""
    if key := os.environ.get("OMOI_SECRET_KEY"):
        return key
    path = home / "secret_key"
    with contextlib.suppress(FileNotFoundError):
        if key := path.read_text().strip():
            return key
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = secrets.token_urlsafe(48)
    scratch = home / f".secret_key.{os.getpid()}"
    scratch.write_text(fresh)
    scratch.chmod(0o600)
    try:
        os.link(scratch, path)  # the first of several starters wins
    except FileExistsError:
        return path.read_text().strip()
    finally:
        scratch.unlink()
    return fresh
