"""A job's process: what to run, where, and within which limits, by how far this machine can isolate it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agents.executors.job import Job
from agents.executors.job_folder import JobFolder, environment
from agents.executors.job_user import SYSTEM_PATH
from agents.executors.run_process import Ran, run_process
from agents.executors.running_process import Specification
from agents.executors.sandbox import wrapped
from agents.executors.stop_signal import Stop


@dataclass(frozen=True)
class Program:
    """words: the program's absolute path and its arguments. reads: what a sandbox must show it for that.
    fds: descriptors it inherits, as 3, 4 and so on.
    """

    words: list[str]
    stdin: IO[bytes]
    environment: dict[str, str]
    fds: Sequence[int] = ()
    reads: Sequence[Path] = ()


def run_job(job: Job, folder: JobFolder, program: Program, stop: Stop) -> Ran:
    """Run it until it ends by itself or is ended. Raises OSError when it cannot be started."""
    running = specification(job, folder, program)
    return run_process(running, timeout_s=job.timeout_s, stop=stop, activity=job.activity)


def specification(job: Job, folder: JobFolder, program: Program) -> Specification:
    """How it is started here."""
    limits, user, words = job.isolation.limits, folder.user, program.words
    if folder.sandboxed:
        bwrap = shutil.which("bwrap", path=SYSTEM_PATH) or "bwrap"
        words = wrapped(bwrap, words, folder, job.isolation, program.reads)
    return Specification(
        words=words,
        environment=environment(job, folder) | program.environment,
        cwd="/" if folder.sandboxed else str(folder.work),
        folder=str(folder.base),
        limits=limits,
        rlimits=limits.rlimits(processes=_most_processes(job, folder)),
        stdin=program.stdin,
        fds=list(program.fds),
        kept=[user.lock] if user else [],
        uid=user.uid if user else 0,
        gid=user.gid if user else 0,
        umask=0o007 if job.isolation.shared else 0o077,
        sandboxed=folder.sandboxed,
    )


def _most_processes(job: Job, folder: JobFolder) -> int:
    """What the kernel stops a fork bomb at; 0 where the sandbox does. Its supervisor ends it long before.

    The kernel counts all of a user's processes: where the job has no user of its own, those of the whole
    machine are added.
    """
    most = job.isolation.limits.most_processes
    if folder.user:
        return most
    if folder.sandboxed:
        return 0
    try:
        return most + int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except OSError:
        return 0
