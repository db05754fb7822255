"""The data folder a job stands on: a work folder of its own, a home, an environment with nothing of ours in
it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from agents.executors.job import Job
from agents.executors.job_user import SYSTEM_PATH
from omoi_site.setup import paths


@contextlib.contextmanager
def work_folder(job: Job) -> Iterator[Path]:
    """An empty folder that belongs to the job's account, gone afterwards."""
    work = _work()
    _given(work.parent / "home")
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{job.name}-", dir=work))
    _given(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers() -> None:
    """Remove the work folders of processes that were killed."""
    for folder in _work().iterdir():
        owner = folder.name.partition("-")[0]
        if owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def environment(job: Job, folder: Path) -> dict[str, str]:
    """What the job sees: its profile's own words, a path, a home; never this process's environment."""
    return {
        "PATH": SYSTEM_PATH,
        "HOME": str(folder.parent.parent / "home"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **job.environment,
    }


def make_room(name: str) -> Path:
    """A folder of ours beside the work folders, in which jobs can read what they know by name."""
    above = paths.make_data_folder(settings.OMOI_HOME) / "executors"
    for folder in (above, above / name):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
    return above / name


def _work() -> Path:
    return make_room("work")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _given(folder: Path) -> None:
    """Made when missing; closed to all but the executors' account."""
    folder.mkdir(exist_ok=True, mode=0o700)
    if account := paths.executor():
        os.chown(folder, account.uid, account.gid)
