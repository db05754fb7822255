"""Dumps of the embedded database, made before anything in it is changed that could go wrong."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omoi_site.database import binaries

KEPT = 3


def back_up(folder: Path, database: dict[str, Any]) -> Path:
    """Write a dump of the database to `folder` (mode 0600, for `pg_restore`). The last three are kept.

    database: Django's settings of it.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    for broken_off in folder.glob("omoi-*.new"):
        broken_off.unlink()
    kept = folder / f"omoi-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.dump"
    scratch = kept.with_suffix(".new")
    words: list[str | Path] = [
        binaries.binaries() / "pg_dump",
        "--format=custom",
        "--no-password",
        f"--host={database['HOST']}",
        f"--username={database['USER']}",
    ]
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        done = subprocess.run(
            [*words, database["NAME"]],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PGPASSWORD": database["PASSWORD"]},
        )
        file.flush()
        os.fsync(file.fileno())
    if done.returncode:
        scratch.unlink()
        raise binaries.NoServer(
            f"the backup of the database failed, so nothing was changed: {done.stderr.strip()[-800:]}"
        )
    scratch.rename(kept)
    for old in sorted(folder.glob("omoi-*.dump"))[:-KEPT]:
        old.unlink()
    return kept
