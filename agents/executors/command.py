"""The executor `command`: an argument vector, never a shell, in a work folder of its own."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from agents.executors.job import Ending, Job
from agents.executors.job_user import Unreachable, program
from agents.executors.output_files import with_files
from agents.executors.output_text import safe
from agents.executors.process_group import Program, Ran, run_group
from agents.executors.stop_signal import Stop
from agents.executors.work_folder import environment, work_folder


def run_command(job: Job, stop: Stop) -> Ending:
    """Run it with the brief on standard input; exit 0 is success."""
    with work_folder(job) as folder, on_paper(job.brief) as brief:
        words, seen = job.words, environment(job, folder)
        try:
            words = [program(words[0], seen["PATH"]), *words[1:]]
            ran = run_group(Program(words, folder, seen, brief), timeout_s=job.timeout_s, stop=stop)
        except (Unreachable, OSError, ValueError) as error:
            return Ending.refused(f"{job.words[0]} could not be started: {error}")
        return with_files(ended(ran), job, folder)


def ended(ran: Ran, **more: Any) -> Ending:
    """The ending that this run means; `more` goes into its result."""
    result = {
        "exit": ran.code,
        "seconds": round(ran.seconds, 3),
        "output": ran.output.text(),
        "dropped": ran.output.dropped,
        **safe(more),
    }
    if ran.cut:
        return Ending.failed(ran.cut, stopped=ran.stopped, **result)
    if ran.code:
        how = f"ended by {signal.Signals(-ran.code).name}" if ran.code < 0 else f"exit status {ran.code}"
        return Ending.failed("\n".join(filter(None, [how, ran.output.last_words()])), **result)
    return Ending(True, result)


@contextmanager
def on_paper(document: Any) -> Iterator[IO[bytes]]:
    """A document as a file to read from: nobody blocks who does not read it."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(safe(document), ensure_ascii=False).encode())
        file.seek(0)
        yield file
