"""How far jobs are kept apart on this machine, found out by a trial."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from agents.executors.job import Job
from agents.executors.job_folder import job_folder
from agents.executors.job_process import Program, run_job
from agents.executors.job_user import SYSTEM_PATH, Unreachable
from agents.executors.stop_signal import Stop

TRIAL_S = 10.0
CHOICES = ("auto", "bwrap", "none")


@dataclass(frozen=True)
class Level:
    """name: `bubblewrap`; `uid`, as root without it; `none`, as an ordinary user without it. why: there is no
    sandbox. refuses: then nothing runs here.
    """

    name: str
    why: str = ""
    refuses: bool = False

    @property
    def sandboxed(self) -> bool:
        return self.name == "bubblewrap"

    @property
    def open(self) -> tuple[str, ...]:
        """What jobs can still do here that they should not."""
        return OPEN[self.name]


OPEN = {
    "bubblewrap": (),
    "uid": (
        "see which processes run on this machine",
        "reach the network and Omoi's port",
    ),
    "none": (
        "read and change each other's files",
        "read and end each other's processes and Omoi's",
        "read Omoi's folder, with its keys and its database",
        "reach the network and Omoi's port",
    ),
}


def level() -> Level:
    """Found out once for each process."""
    return _level(settings.SANDBOX)


@functools.cache
def _level(wanted: str) -> Level:
    if wanted not in CHOICES:
        return Level("none", f"OMOI_SANDBOX is {wanted}, and must be one of {', '.join(CHOICES)}", True)
    why = "it is switched off by OMOI_SANDBOX=none" if wanted == "none" else fault()
    if not why:
        return Level("bubblewrap")
    return Level("uid" if os.geteuid() == 0 else "none", why, refuses=wanted == "bwrap")


@contextlib.contextmanager
def trial_room() -> Iterator[Path]:
    """Where a trial makes its folders: without an OMOI_HOME, which may not be there yet."""
    with tempfile.TemporaryDirectory(prefix="omoi-trial-") as room:
        os.chmod(room, 0o711)
        yield Path(room)


def fault() -> str:
    """Why bubblewrap does not work here, by a job with the very flags; empty when it does."""
    if not shutil.which("bwrap", path=SYSTEM_PATH):
        return "bubblewrap is not installed (on Debian and Ubuntu: apt install bubblewrap)"
    job = Job("trial", "command", [], {}, timeout_s=TRIAL_S)
    try:
        with (
            trial_room() as room,
            job_folder(job, sandboxed=True, room=room) as folder,
            open(os.devnull, "rb") as stdin,
            contextlib.closing(Stop()) as stop,
        ):
            ran = run_job(job, folder, Program(["/bin/sh", "-c", "exit 7"], stdin, {}), stop)
    except (OSError, Unreachable) as error:
        return f"bubblewrap does not work here: {error}"
    if ran.code == 7:
        return ""
    return f"bubblewrap does not work here: {ran.cut or ran.output.end_of_text(200) or f'exit {ran.code}'}"
