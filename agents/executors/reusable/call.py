"""A job for a reusable process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agents.executors.job import Ending, Job
from agents.executors.run_process import Turn
from agents.executors.stop_signal import Stop


@dataclass(eq=False)
class Call:
    """A job to carry out. end: takes its ending. give_back: called instead when it has not begun and others
    can begin it sooner. number, turn: while it is with a process.
    """

    job: Job
    stop: Stop
    end: Callable[[Ending], None]
    give_back: Callable[[], None]
    number: int = 0
    turn: Turn = field(init=False)
