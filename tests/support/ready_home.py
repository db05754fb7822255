"""An OMOI_HOME whose database is migrated and empty, made once in a run: what does not test a first start
works on a copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from omoi_site.database import embedded
from omoi_site.setup import paths
from tests.support import ROOT

NAME = "ready-home"


def copy_to(home: Path, run: Path) -> None:
    """Give `home` a copy of the database of this run's ready home, and the passwords it was made with."""
    original = _original(run)
    home.mkdir(exist_ok=True, mode=0o711)
    data_folder = paths.make_data_folder(home)
    for name in paths.PASSWORDS:
        shutil.copy2(original / name, home / name)
    subprocess.run(["cp", "-a", paths.data_folder(original) / "data", data_folder / "data"], check=True)


def _original(run: Path) -> Path:
    """Made by the worker that wants it first; the others wait for it."""
    home = run / NAME
    with (run / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            _make(home)
            (home / "made").touch()
    return home


def _make(home: Path) -> None:
    server = embedded.Server(home, throwaway=True)
    server.start()
    assert server.process
    try:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env={**environment, "OMOI_HOME": str(home)},
            check=True,
        )
        server.process.send_signal(signal.SIGINT)  # in good order: a copy needs no recovery
        assert server.process.wait(30) == 0
    finally:
        server.stop()
