"""The executor `python`: a callable by its dotted name, called with the brief and the slots in a process of
its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from agents.executors import python_child
from agents.executors.command import ended, json_file, not_started
from agents.executors.job import Ending, Job
from agents.executors.job_folder import JobFolder, job_folder
from agents.executors.job_process import Program, run_job
from agents.executors.job_user import Unreachable, can_read, interpreter
from agents.executors.level import level
from agents.executors.output_files import with_files
from agents.executors.stop_signal import Stop

LONGEST_VALUE = 1 << 20
ANSWER_FD = 3
PYTHONS = (
    "/usr/local/bin/python3",
    "/usr/bin/python3",
)  # beside our own, which the job's user may be unable to reach


def run_python(job: Job, stop: Stop) -> Ending:
    """Call it; what it returns is the result's `value`, an exception is a failure."""
    try:
        with (
            job_folder(job, sandboxed=level().sandboxed) as folder,
            tempfile.TemporaryFile() as answer,
        ):
            return _call(job, folder, answer.fileno(), stop)
    except (Unreachable, OSError, ValueError) as error:
        return not_started(job, error)


def _call(job: Job, folder: JobFolder, answer: int, stop: Stop) -> Ending:
    modules = readable_modules(job, folder)
    call = {
        "callable": job.words[0],
        "brief": job.brief,
        "slots": job.slots,
        "folders": list(map(str, modules)),
        "answer": ANSWER_FD,
    }
    with json_file(call) as stdin:
        text = Path(python_child.__file__).read_text()
        ran = run_job(job, folder, python_program(text, stdin, folder, modules, answer), stop)
    if ran.cut:
        return ended(ran)
    if ran.code:
        return with_files(ended(ran), job, folder)
    size = os.fstat(answer).st_size
    if size > LONGEST_VALUE:
        return too_long(job, size)
    try:
        ending = ended(ran, value=json.loads(os.pread(answer, LONGEST_VALUE, 0) or b"null"))
    except ValueError:
        return Ending.refused(
            f"{job.words[0]} wrote something other than its return value to the file for it"
        )
    return with_files(ending, job, folder)


def python_program(text: str, stdin: IO[bytes], folder: JobFolder, modules: list[Path], fd: int) -> Program:
    """A program that runs this Python text, with what its jobs import; `fd` is its descriptor 3."""
    python, reads = python_for_jobs(sandboxed=folder.sandboxed)
    more = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    return Program([python, "-s", "-c", text], stdin, more, [fd], [*reads, *modules])


def readable_modules(job: Job, folder: JobFolder) -> list[Path]:
    """The folders of the callable's module, as its user can read them."""
    return [_readable(source, folder, number) for number, source in enumerate(job.folders)]


def too_long(job: Job, size: int) -> Ending:
    return Ending.refused(f"{job.words[0]} returned {size} bytes; at most {LONGEST_VALUE} are kept")


def python_for_jobs(*, sandboxed: bool) -> tuple[str, list[Path]]:
    """The Python that runs it, and what of it must be brought into a sandbox; raises Unreachable."""
    prefix = Path(sys.prefix).resolve()
    own = prefix / "bin" / Path(sys.executable).name
    if not sandboxed or not _open_to_all(own):
        return interpreter(sys.executable, *PYTHONS), []
    return str(own), list(dict.fromkeys([prefix, *_prefixes(own)]))


def _prefixes(python: Path) -> Iterator[Path]:
    """The installation it belongs to, by every name a link on the way to it has."""
    yield Path(sys.base_prefix)
    while python.is_symlink():
        python = python.parent / python.readlink()
        yield python.parent.parent


def _open_to_all(python: Path) -> bool:
    return os.geteuid() != 0 or all(path.stat().st_mode & 0o005 == 0o005 for path in (python, python.parent))


def _readable(source: Path, folder: JobFolder, number: int) -> Path:
    """The folder of a callable's module, or a copy of its modules beside the work when the job's user cannot
    read it.
    """
    if can_read(source):
        return source
    copy = folder.base / f"modules-{number}"
    copy.mkdir()
    copy.chmod(0o755)
    for module in source.glob("*.py"):
        shutil.copyfile(module, copy / module.name)
        (copy / module.name).chmod(0o644)
    return copy
