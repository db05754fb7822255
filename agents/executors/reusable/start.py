"""How a reusable process is started."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.executors.job import Job
from agents.executors.job_folder import GITCONFIG, JobFolder, job_folder
from agents.executors.job_process import specification
from agents.executors.level import level
from agents.executors.python import LONGEST_VALUE, python_program, readable_modules
from agents.executors.reusable import child
from agents.executors.reusable.call_socket import CallSocket
from agents.executors.running_process import RunningProcess

MOST_JOBS = 100  # then a fresh process takes its place
COMMON = 0  # the number of the first message
COMMON_FOLDERS = ["/tmp", "/var/tmp", "/dev/shm"]


class Started:
    """process: it runs. folder: of its jobs. numbers: a file in which its supervisor reads which job is the
    present one.
    """

    def __init__(self, job: Job, calls: CallSocket, mark: str, stack: contextlib.ExitStack) -> None:
        """As jobs like this one need it. What it has is given up with `stack`. Raises Unreachable, OSError
        and ValueError.
        """
        everywhere = replace(job, environment={}, brief={}, slots={})
        self.folder = stack.enter_context(job_folder(everywhere, sandboxed=level().sandboxed))
        modules = readable_modules(job, self.folder)
        # the stack closes both, which the linter does not see
        self.numbers = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        stdin = stack.enter_context(Path(os.devnull).open("rb"))  # noqa: SIM115
        text = Path(child.__file__).read_text()
        program = python_program(text, stdin, self.folder, modules, calls.theirs.fileno())
        plan = specification(everywhere, self.folder, program)
        # the kernel would count the CPU time of all jobs; their supervisor counts that of each
        rlimits = {name: value for name, value in plan.rlimits.items() if name != "RLIMIT_CPU"}
        kept = [*plan.kept, self.numbers.fileno()]
        self.process = RunningProcess(replace(plan, reusable=True, kept=kept, rlimits=rlimits))
        stack.callback(self.process.close)
        calls.send(COMMON, common(self.folder, modules, mark))


def common(folder: JobFolder, modules: Sequence[Path], mark: str) -> dict[str, Any]:
    """What all calls have in common."""
    cleared = ["/dev/shm"] if folder.sandboxed else COMMON_FOLDERS if folder.user else []
    return {
        "mark": mark,
        "most": MOST_JOBS,
        "longest": LONGEST_VALUE,
        "folders": list(map(str, modules)),
        "work": folder.seen("work"),
        "emptied": [folder.seen(name) for name in ("work", "home", "tmp")],
        "kept": {f"{folder.seen('home')}/.gitconfig": GITCONFIG},
        "cleared": cleared,
    }
