"""The executor `command`: an argument vector, never a shell, in a work folder of its own."""

from __future__ import annotations

import errno
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from agents.executors.job import Ending, Job
from agents.executors.job_folder import environment, job_folder
from agents.executors.job_process import Program, run_job
from agents.executors.job_user import Unreachable, program
from agents.executors.level import level
from agents.executors.output_files import with_files
from agents.executors.output_text import safe, safe_json
from agents.executors.run_process import Ran
from agents.executors.stop_signal import Stop

FAULTS_OF_THE_PROFILE = {
    *(errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),  # where its program lies
    *(errno.ENOEXEC, errno.E2BIG, errno.EINVAL),
}


def run_command(job: Job, stop: Stop) -> Ending:
    """Run it with the brief on standard input; exit 0 is success."""
    try:
        with (
            job_folder(job, sandboxed=level().sandboxed) as folder,
            json_file(job.brief) as brief,
        ):
            path = environment(job, folder)["PATH"]
            program_path = program(job.words[0], path, sandboxed=folder.sandboxed)
            words = [program_path, *job.words[1:]]
            ran = run_job(job, folder, Program(words, brief, {}, reads=[Path(program_path)]), stop)
            more = {"output_sha256": ran.output.sha256.hexdigest()} if job.hash_output else {}
            ending = ended(ran, checks=job.checks, **more)
            return ending if ran.cut else with_files(ending, job, folder)
    except (Unreachable, OSError, ValueError) as error:
        return not_started(job, error)


def not_started(job: Job, error: Exception) -> Ending:
    """Another try helps unless the profile or its program is at fault: a disk is full only for a time."""
    why = (error.strerror if isinstance(error, OSError) else "") or str(error)
    sentence = f"{job.words[0]} could not be started: {why}"
    if isinstance(error, OSError) and error.errno not in FAULTS_OF_THE_PROFILE:
        return Ending.failed(sentence)
    return Ending.refused(sentence)


def ended(ran: Ran, *, checks: bool = False, **more: Any) -> Ending:
    """The ending that this run means; `more` goes into its result. checks: see Job."""
    result = {
        "exit": ran.code,
        "seconds": round(ran.seconds, 3),
        "output": ran.output.text(),
        "dropped": ran.output.dropped,
        **({"limit": ran.limit} if ran.limit else {}),
        **safe(more),
    }
    if ran.cut:
        return Ending.failed(ran.cut, stopped=ran.stopped, **result)
    if ran.code:
        how = f"ended by {signal.Signals(-ran.code).name}" if ran.code < 0 else f"exit status {ran.code}"
        kind = "validation" if checks and ran.code > 0 else "transient"
        return Ending.failed("\n".join(filter(None, [how, ran.output.end_of_text()])), kind=kind, **result)
    return Ending(True, result)


@contextmanager
def json_file(document: Any) -> Iterator[IO[bytes]]:
    """A document as a file to read from: nobody blocks who does not read it."""
    with tempfile.TemporaryFile() as file:
        file.write(safe_json(document))
        file.seek(0)
        yield file
