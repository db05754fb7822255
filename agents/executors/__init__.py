"""Executors carry out what a profile says: a plain brief in, a plain ending out.

They know no database, run in processes of their own, and never raise: whatever goes wrong is an ending.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agents.executors.command import run_command
from agents.executors.job import Ending, Handed, Job
from agents.executors.python import run_python
from agents.executors.stop_signal import Stop
from agents.executors.work_folder import clear_leftovers

__all__ = ["Ending", "Handed", "Job", "Stop", "clear_leftovers", "run"]

log = logging.getLogger(__name__)
KINDS: dict[str, Callable[[Job, Stop], Ending]] = {"command": run_command, "python": run_python}


def run(job: Job, stop: Stop) -> Ending:
    """Carry out the job; always an ending, also when it is stopped or the executor itself breaks."""
    try:
        return KINDS[job.kind](job, stop)
    except Exception as error:
        log.exception("the executor %s broke", job.kind)
        return Ending.failed(f"the executor broke: {type(error).__name__}: {error}")
