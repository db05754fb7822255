"""The folders of a job: for its work, its home and its temporary files, all its own and gone afterwards; and
what it shares with others when its profile says so.

In a sandbox it sees them under other names, the same in every job.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from agents.executors.job import Job
from agents.executors.job_user import SYSTEM_PATH, JobUser, clear_users, job_user, shared_gid
from agents.executors.removal import remove
from omoi_site.setup import paths

INSIDE = {
    "work": "/job/work",
    "home": "/job/home",
    "tmp": "/tmp",
    "shared": "/job/shared",
    "tools": "/job/tools",
}
# Not by environment, which git does not hand on to the other side of a clone or a push.
GITCONFIG = "[safe]\n\tdirectory = *\n"


@dataclass(frozen=True)
class JobFolder:
    """folders: on this machine, by name as in INSIDE. user: who owns them; None for ourselves."""

    base: Path
    user: JobUser | None
    sandboxed: bool
    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.folders["work"]

    def seen(self, name: str) -> str:
        """The path by which the job knows one of its folders."""
        return INSIDE[name] if self.sandboxed else str(self.folders[name])


@contextlib.contextmanager
def job_folder(job: Job, *, sandboxed: bool, room: Path | None = None) -> Iterator[JobFolder]:
    """Empty folders that belong to the job's user, gone afterwards. room: where; by default in OMOI_HOME."""
    shared = job.isolation.shared
    with job_user(shared) as user:
        base = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{job.name}-", dir=room or make_room("work")))
        try:
            base.chmod(0o711)
            folder = JobFolder(base, user, sandboxed, {name: base / name for name in ("work", "home", "tmp")})
            for path in folder.folders.values():
                _make_own(path, user)
            _write_own(base / "home" / ".gitconfig", GITCONFIG, user)
            if shared:
                folder.folders.update(shared=shared_folder(shared), tools=tools_folder(shared))
            yield folder
        finally:
            remove(base)


def environment(job: Job, folder: JobFolder) -> dict[str, str]:
    """What the job sees: its profile's own words, a path, a home; never this process's environment."""
    shares = {
        f"OMOI_{name.upper()}": folder.seen(name) for name in ("shared", "tools") if name in folder.folders
    }
    return {
        "PATH": SYSTEM_PATH,
        "HOME": folder.seen("home"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": folder.seen("tmp"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **shares,
        **job.environment,
    }


def shared_folder(name: str) -> Path:
    """The folder that jobs of profiles with `shared: name` can all write."""
    folder = make_room("shared", name) / "files"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, 0, shared_gid(name))
            folder.chmod(0o2770)
    return folder


def tools_folder(name: str) -> Path:
    """A folder of ours beside it, which these jobs can only read."""
    folder = make_room("shared", name) / "tools"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


def make_room(*names: str) -> Path:
    """A folder of ours for executors: jobs can walk through it to what they know by name."""
    folder = paths.make_data_folder(settings.OMOI_HOME) / "executors"
    for path in (folder, *(folder := folder / name for name in names)):
        path.mkdir(exist_ok=True)
        path.chmod(0o711)
    return folder


def clear_leftovers() -> None:
    """Remove what is left of jobs whose worker was killed; before this process starts any of its own."""
    clear_users()
    for folder in make_room("work").iterdir():
        owner = folder.name.partition("-")[0]
        if owner.isdecimal() and (int(owner) == os.getpid() or not _lives(int(owner))):
            remove(folder)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_own(file: Path, text: str, user: JobUser | None) -> None:
    file.write_text(text)
    if user:
        os.chown(file, user.uid, user.gid)


def _make_own(folder: Path, user: JobUser | None) -> None:
    folder.mkdir(mode=0o700)
    if user:
        os.chown(folder, user.uid, user.gid)
