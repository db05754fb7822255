"""Running a process group: its output taken as it comes, its end certain.

The group ends when its leader does, when its time is up, or when the cord is pulled: asked first, then
killed. Whoever keeps the pipe open after that is not waited for. Should this process itself be killed, the
guard ends the group.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agents.executors import process_guard
from agents.executors.job_user import as_executor
from agents.executors.output_text import Output
from agents.executors.stop_signal import Stop

GRACE_S = 2.0  # between asking a group to end and killing it
LAST_WORDS_S = 0.2  # spent on what still lies in the pipe of a group that was ended
LOOK_S = 0.5  # how often to look whether time is up, when nothing else wakes us
SLEPT_S = (
    5.0  # looks this far apart: the machine stood still, as a paused container does, and its clock did not
)
PIECE = 64 << 10

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ran:
    """code: as subprocess has it, negative for a signal.

    cut: why it was ended before its time, or empty; stopped: by the cord.
    """

    code: int
    output: Output
    seconds: float
    cut: str = ""
    stopped: bool = False


@dataclass(frozen=True)
class Program:
    """What to run: as subprocess has it. fds: descriptors it inherits beside the usual three."""

    words: Sequence[str]
    folder: Path
    environment: dict[str, str]
    stdin: IO[bytes]
    fds: Sequence[int] = ()


def run_group(program: Program, *, timeout_s: float, stop: Stop) -> Ran:
    """Run it until it ends by itself or is ended. Raises OSError when it cannot be started."""
    process_guard.hire()
    began = time.monotonic()
    mark = f"{process_guard.mark}.{next(_numbers)}."
    output = Output()
    with subprocess.Popen(
        program.words,
        stdin=program.stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=program.folder,
        env={**program.environment, process_guard.NAME: mark},
        start_new_session=True,
        pass_fds=program.fds,
        umask=0o077,
        **as_executor(),
    ) as process:
        assert process.stdout
        with process_guard.over(process.pid):
            cut = "its output could not be followed"
            try:
                cut = _follow(process, output, began + timeout_s, stop, timeout_s)
            finally:
                _end_group(process, process.stdout, output, politely=bool(cut))
                if cut:
                    _end_strays(mark)
    return Ran(process.returncode, output, time.monotonic() - began, cut, bool(cut) and cut == stop.reason)


def _follow(
    process: subprocess.Popen[bytes], output: Output, deadline: float, stop: Stop, timeout_s: float
) -> str:
    """Take its output until the leader has ended; or say why it must end now."""
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as events, _ended(process) as ended:
        events.register(process.stdout, selectors.EVENT_READ)
        events.register(stop.read_fd, selectors.EVENT_READ)
        if ended is not None:
            events.register(ended, selectors.EVENT_READ)
        looked = time.monotonic()
        while True:
            before, looked = looked, time.monotonic()
            if looked - before > SLEPT_S:
                deadline += looked - before
                stop.spare()
            if stop.reason:
                return stop.reason
            if time.monotonic() > deadline:
                return f"timed out after {timeout_s:g} s"
            patience = min(LOOK_S if ended is not None else 0.05, deadline - time.monotonic())
            for key, _ in events.select(max(0.0, patience)):
                if key.fileobj is process.stdout and not _take(process.stdout, output):
                    events.unregister(process.stdout)
            if _has_ended(process):
                return ""


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """A descriptor that can be read once the process has ended; None where the system has none."""
    try:
        ended = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        yield None
        return
    try:
        yield ended
    finally:
        os.close(ended)


def _take(pipe: IO[bytes], output: Output) -> bool:
    """Read a piece; False when there is no more to come."""
    try:
        piece = os.read(pipe.fileno(), PIECE)
    except BlockingIOError:
        return True
    output.take(piece)
    return bool(piece)


def _end_group(process: subprocess.Popen[bytes], pipe: IO[bytes], output: Output, *, politely: bool) -> None:
    """End what is left of the group and take what was said last; nobody is waited for beyond GRACE_S."""
    if politely:
        _send(process.pid, signal.SIGTERM)
        _await_group(process, pipe, output)
    _send(process.pid, signal.SIGKILL)  # the leader is not reaped yet, so this number is still the group's
    process.wait()
    deadline = time.monotonic() + LAST_WORDS_S
    with contextlib.suppress(BlockingIOError):
        while time.monotonic() < deadline and (piece := os.read(pipe.fileno(), PIECE)):
            output.take(piece)


def _end_strays(mark: str) -> None:
    """End children that left the group.

    One that starts another while we look is found the next time, so look until there is none.
    """
    deadline = time.monotonic() + GRACE_S
    while (strays := process_guard.marked(mark)) and time.monotonic() < deadline:
        for stray in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)


def _await_group(process: subprocess.Popen[bytes], pipe: IO[bytes], output: Output) -> None:
    """Take its output until its leader has ended, GRACE_S at most."""
    deadline = time.monotonic() + GRACE_S
    with selectors.DefaultSelector() as events:
        events.register(pipe, selectors.EVENT_READ)
        while time.monotonic() < deadline and not _has_ended(process):
            if not events.get_map():
                time.sleep(0.02)
            elif events.select(0.02) and not _take(pipe, output):
                events.unregister(pipe)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the leader has ended; it is left to be reaped, which keeps its number from being given to
    another.
    """
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _send(group: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)
