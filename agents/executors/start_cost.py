"""What it costs to start a job on this machine: the median of a few that do nothing."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from dataclasses import replace

from agents.executors.job import Job
from agents.executors.job_folder import job_folder
from agents.executors.job_process import Program, run_job
from agents.executors.level import level, trial_room
from agents.executors.stop_signal import Stop

RUNS = 7


def start_cost() -> dict[str, float]:
    """Milliseconds from the request until the job has ended: `bare`, with a `uid` of its own (as root), and
    in `bubblewrap`, where these work.
    """
    costs = {"bare": _median_ms(own_uid=False, sandboxed=False)}
    if os.geteuid() == 0:
        costs["uid"] = _median_ms(own_uid=True, sandboxed=False)
    if level().sandboxed:
        costs["bubblewrap"] = _median_ms(own_uid=True, sandboxed=True)
    return costs


def _median_ms(*, own_uid: bool, sandboxed: bool) -> float:
    times = []
    job = Job("trial", "command", [], {}, timeout_s=10)
    with (
        trial_room() as room,
        job_folder(job, sandboxed=sandboxed, room=room) as folder,
        open(os.devnull, "rb") as stdin,
        contextlib.closing(Stop()) as stop,
    ):
        if not own_uid:
            folder = replace(folder, user=None)
        for _ in range(RUNS):
            began = time.perf_counter()
            run_job(job, folder, Program(["/bin/true"], stdin, {}), stop)
            times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1000, 1)
