"""The one way in: carry out a job."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agents.executors.command import run_command
from agents.executors.job import Ending, Job
from agents.executors.level import level
from agents.executors.python import run_python
from agents.executors.stop_signal import Stop

log = logging.getLogger(__name__)
KINDS: dict[str, Callable[[Job, Stop], Ending]] = {"command": run_command, "python": run_python}


def run(job: Job, stop: Stop) -> Ending:
    """Carry out the job; always an ending, also when it is stopped or the executor itself breaks."""
    try:
        return refusal(job) or KINDS[job.kind](job, stop)
    except Exception as error:
        log.exception("the executor %s broke", job.kind)
        return Ending.failed(f"the executor broke: {type(error).__name__}: {error}")


def refusal(job: Job) -> Ending | None:
    """Why this machine does not run the job."""
    here = level()
    if job.isolation.sandboxed and not here.sandboxed:
        return Ending.refused(f"its profile runs only in a sandbox, and there is none here: {here.why}")
    return Ending.refused(here.why) if here.refuses else None
