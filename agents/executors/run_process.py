"""Running a job's process until its end.

It ends when its first process does, when its time is up, when it exceeds a limit, or when it is stopped:
asked first, then killed.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from dataclasses import dataclass
from typing import Any

from agents.executors.activity import Activity
from agents.executors.limits import MIB, Limits
from agents.executors.output_text import Output
from agents.executors.running_process import RunningProcess, Specification
from agents.executors.stop_signal import Stop

LOOK_S = 0.5  # how often to look whether time is up, when nothing else wakes us
# looks this far apart: the machine stood still, as a paused container does, and its clock did not
SLEPT_S = 5.0


@dataclass(frozen=True)
class Ran:
    """code: as subprocess has it, negative for a signal.

    cut: why it was ended before its time, or empty; stopped: by `Stop`; limit: the one it exceeded.
    """

    code: int
    output: Output
    seconds: float
    cut: str = ""
    stopped: bool = False
    limit: str = ""


class Turn:
    """A job in its process: its time and its output; cut: why it was ended before its time."""

    def __init__(self, limits: Limits, timeout_s: float, stop: Stop, activity: Activity) -> None:
        self.limits, self.timeout_s, self.stop, self.activity = limits, timeout_s, stop, activity
        self.output = Output()
        self.cut = ""
        self.limit = ""
        self.begin()

    def begin(self) -> None:
        self.began = self.looked = time.monotonic()
        self.deadline = self.began + self.timeout_s

    def take(self, piece: bytes) -> None:
        """A piece of its output."""
        self.output.take(piece)
        self.activity.output = self.output.taken
        self.activity.printed.take(piece)

    def look(self) -> bool:
        """Whether it must be ended now; then `cut` says why, and `limit` which it has exceeded."""
        before, self.looked = self.looked, time.monotonic()
        if self.looked - before > SLEPT_S:
            self.deadline += self.looked - before
            self.stop.postpone()
        if not self.cut:
            self.cut = self._reason_to_end()
            return bool(self.cut)
        return False

    @property
    def patience(self) -> float:
        """When to look again, in seconds."""
        return LOOK_S if self.cut else max(0.0, min(LOOK_S, self.deadline - time.monotonic()))

    def _reason_to_end(self) -> str:
        if self.stop.reason:
            return self.stop.reason
        if time.monotonic() > self.deadline:
            return f"timed out after {self.timeout_s:g} s"
        if self.output.taken > self.limits.output_mb * MIB:
            self.limit = "output"
            return self.limits.sentence("output")
        return ""

    def ran(self, ended: dict[str, Any], fault: str = "") -> Ran:
        """What became of it, by what the supervisor told of the end of its process."""
        code, cut, limit = ended["ended"], self.cut or fault, self.limit or ended.get("exceeded", "")
        if not cut and not limit:
            limit = self.limits.guess(code, self.output.end_of_text())
        if limit and not cut:
            cut = self.limits.sentence(limit)
        stopped = bool(cut) and cut == self.stop.reason
        return Ran(code, self.output, time.monotonic() - self.began, cut, stopped, limit)


def run_process(job: Specification, *, timeout_s: float, stop: Stop, activity: Activity) -> Ran:
    """Run it until it ends by itself or is ended. Raises OSError when it cannot be started."""
    with contextlib.closing(RunningProcess(job)) as process:
        turn = Turn(job.limits, timeout_s, stop, activity)
        _follow(process, turn)
        for piece in process.rest_of_output():
            turn.take(piece)
        return turn.ran(process.ended, process.fault)


def _follow(process: RunningProcess, turn: Turn) -> None:
    with selectors.DefaultSelector() as events:
        for source in (process.pipe, turn.stop.read_fd, process.channel):
            events.register(source, selectors.EVENT_READ)
        while not process.ended:
            if turn.look():
                process.end(at_once=bool(turn.limit))
                events.unregister(turn.stop.read_fd)
            process.look()
            for key, _ in events.select(turn.patience):
                if key.fileobj is process.channel:
                    process.read_messages()
                    turn.activity.files = process.files
                elif key.fileobj is process.pipe:
                    if piece := process.read():
                        turn.take(piece)
                    elif piece == b"":
                        events.unregister(process.pipe)
