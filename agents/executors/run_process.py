"""Running a job's process: its output taken as it comes, its end certain.

It ends when its first process does, when its time is up, when it exceeds a limit, or when it is stopped:
asked first, then killed. All its descendants end with it, see `supervisor`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from agents.executors import spawn
from agents.executors.limits import MIB, Limits
from agents.executors.output_text import Output
from agents.executors.stop_signal import Stop
from agents.executors.supervisor import linux
from agents.executors.supervisor.supervise import END, KILL

GRACE_S = 2.0  # between asking a job to end and killing it
LOST_S = 3.0  # after which a supervisor that was asked to end its job is taken to be gone
LAST_WORDS_S = 0.2  # spent on what still lies in the pipe of a job that has ended
LOOK_S = 0.5  # how often to look whether time is up, when nothing else wakes us
# looks this far apart: the machine stood still, as a paused container does, and its clock did not
SLEPT_S = 5.0
PIECE = 64 << 10


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


@dataclass(frozen=True)
class Specification:
    """How to start a job, as its supervisor reads it: see `supervise.become`. words: absolute program first.
    fds: descriptors it inherits, as 3, 4 and so on; kept: those that only its supervisor holds.
    """

    words: list[str]
    environment: dict[str, str]
    cwd: str
    folder: str  # its files, which are counted
    limits: Limits
    rlimits: dict[str, int]
    stdin: IO[bytes]
    fds: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    uid: int = 0
    gid: int = 0
    umask: int = 0o077
    sandboxed: bool = False

    def as_dict(self) -> dict[str, Any]:
        names = ("words", "environment", "cwd", "folder", "rlimits", "uid", "gid", "umask", "sandboxed")
        own = {name: getattr(self, name) for name in names}
        more = {"kept": len(self.kept), "grace_s": GRACE_S, "nice": os.getpriority(os.PRIO_PROCESS, 0)}
        return {**own, **more, "watched": self.limits.watched()}


def run_process(job: Specification, *, timeout_s: float, stop: Stop) -> Ran:
    """Run it until it ends by itself or is ended. Raises OSError when it cannot be started."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        try:
            channel = spawn.request(job.as_dict(), job.stdin.fileno(), write_end, [*job.fds, *job.kept])
        finally:
            os.close(write_end)
        with channel:
            return _Run(job, channel, pipe, timeout_s, stop).follow()


class _Run:
    def __init__(
        self, job: Specification, channel: socket.socket, pipe: IO[bytes], timeout_s: float, stop: Stop
    ) -> None:
        self.job, self.channel, self.pipe, self.timeout_s, self.stop = job, channel, pipe, timeout_s, stop
        self.output = Output()
        self.messages = b""
        self.ended: dict[str, Any] = {}
        self.cut = ""
        self.limit = ""

    def follow(self) -> Ran:
        os.set_blocking(self.pipe.fileno(), False)
        began = looked = time.monotonic()
        deadline, lost = began + self.timeout_s, float("inf")
        with selectors.DefaultSelector() as events:
            for source in (self.pipe, self.stop.read_fd, self.channel):
                events.register(source, selectors.EVENT_READ)
            while not self.ended:
                before, looked = looked, time.monotonic()
                if looked - before > SLEPT_S:
                    deadline += looked - before
                    self.stop.spare()
                if not self.cut and (why := self.reason_to_end(deadline)):
                    self.cut, lost = why, looked + GRACE_S + LOST_S
                    self.tell(KILL if self.limit else END)
                    events.unregister(self.stop.read_fd)
                if looked > lost:
                    self.do_without_supervisor()
                patience = LOOK_S if self.cut else max(0.0, min(LOOK_S, deadline - time.monotonic()))
                for key, _ in events.select(patience):
                    if key.fileobj is self.pipe and not self.take():
                        events.unregister(self.pipe)
                    elif key.fileobj is self.channel:
                        self.hear()
        self.take_last_words()
        return self.result(time.monotonic() - began)

    def reason_to_end(self, deadline: float) -> str:
        if self.stop.reason:
            return self.stop.reason
        if time.monotonic() > deadline:
            return f"timed out after {self.timeout_s:g} s"
        if self.output.taken > self.job.limits.output_mb * MIB:
            self.limit = "output"
            return self.job.limits.sentence("output")
        return ""

    def take(self) -> bool:
        """Read a piece; False when there is no more to come."""
        try:
            piece = os.read(self.pipe.fileno(), PIECE)
        except BlockingIOError:
            return True
        self.output.take(piece)
        return bool(piece)

    def take_last_words(self) -> None:
        deadline = time.monotonic() + LAST_WORDS_S
        with contextlib.suppress(BlockingIOError):
            while time.monotonic() < deadline and (piece := os.read(self.pipe.fileno(), PIECE)):
                self.output.take(piece)

    def tell(self, what: bytes) -> None:
        with contextlib.suppress(OSError):
            self.channel.send(what)

    def hear(self) -> None:
        """Messages of the supervisor. Raises OSError when it could not start the job."""
        try:
            piece = self.channel.recv(PIECE)
        except OSError:
            piece = b""
        self.messages += piece
        for message in self.whole_messages():
            if "error" in message:
                raise OSError(message["errno"], message["error"])
            if "ended" in message:
                self.ended = message
        if not piece and not self.ended:
            self.cut = self.cut or "its supervisor was killed"
            self.do_without_supervisor()

    def do_without_supervisor(self) -> None:
        """The spawner ends the job; what has its uid ends before another job can get that."""
        self.ended = {"ended": -signal.SIGKILL}
        if self.job.uid:
            linux.kill_user(self.job.uid)

    def whole_messages(self) -> Iterator[dict[str, Any]]:
        *lines, self.messages = self.messages.split(b"\n")
        return map(json.loads, lines)

    def result(self, seconds: float) -> Ran:
        code, cut, limit = self.ended["ended"], self.cut, self.limit or self.ended.get("exceeded", "")
        if not cut and not limit:
            limit = self.job.limits.guess(code, self.output.last_words())
        if limit and not cut:
            cut = self.job.limits.sentence(limit)
        return Ran(code, self.output, seconds, cut, bool(cut) and cut == self.stop.reason, limit)
