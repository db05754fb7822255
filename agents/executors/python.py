"""The executor `python`: a callable by its dotted name, called with the brief and the slots in a process of
its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from agents.executors import python_child
from agents.executors.command import ended, on_paper
from agents.executors.job import Ending, Job
from agents.executors.job_user import Unreachable, can_read, interpreter
from agents.executors.output_files import with_files
from agents.executors.process_group import Program, run_group
from agents.executors.stop_signal import Stop
from agents.executors.work_folder import environment, work_folder

LONGEST_VALUE = 1 << 20
PYTHONS = (
    "/usr/local/bin/python3",
    "/usr/bin/python3",
)  # beside our own, which the job's account may be unable to reach


def run_python(job: Job, stop: Stop) -> Ending:
    """Call it; what it returns is the result's `value`, an exception is a failure."""
    with work_folder(job) as folder, tempfile.TemporaryFile() as answer:
        call = {
            "callable": job.words[0],
            "brief": job.brief,
            "slots": job.slots,
            "folders": [str(_readable(source, folder, number)) for number, source in enumerate(job.folders)],
            "answer": answer.fileno(),
        }
        try:
            python = interpreter(sys.executable, *PYTHONS)
            with on_paper(call) as paper:
                child = Program(
                    [python, "-s", "-c", Path(python_child.__file__).read_text()],
                    folder,
                    environment(job, folder) | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
                    stdin=paper,
                    fds=[answer.fileno()],
                )
                ran = run_group(child, timeout_s=job.timeout_s, stop=stop)
        except (Unreachable, OSError, ValueError) as error:
            return Ending.refused(f"{job.words[0]} could not be started: {error}")
        if ran.cut or ran.code:
            return ended(ran)
        size = os.fstat(answer.fileno()).st_size
        if size > LONGEST_VALUE:
            return Ending.refused(f"{job.words[0]} returned {size} bytes; at most {LONGEST_VALUE} are kept")
        answer.seek(0)
        try:
            ending = ended(ran, value=json.loads(answer.read() or b"null"))
        except ValueError:
            return Ending.refused(
                f"{job.words[0]} wrote something other than its return value to the file for it"
            )
        return with_files(ending, job, folder)


def _readable(source: Path, folder: Path, number: int) -> Path:
    """The folder of a callable's module, or a copy of its modules beside the work when the job's account
    cannot read it.
    """
    if can_read(source):
        return source
    copy = folder / f".modules-{number}"
    copy.mkdir()
    copy.chmod(0o755)
    for module in source.glob("*.py"):
        shutil.copyfile(module, copy / module.name)
        (copy / module.name).chmod(0o644)
    return copy
