"""A job's process as it runs: started through the spawner, its output taken as it comes, its end certain.

All its descendants end with it, see `supervisor`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from agents.executors import spawn
from agents.executors.limits import Limits
from agents.executors.supervisor import linux
from agents.executors.supervisor.supervise import END, KILL

GRACE_S = 2.0  # between asking a job to end and killing it
NICER = 5  # of jobs: on a busy machine, the worker and its database come first
LOST_S = 3.0  # after which a supervisor that was asked to end its job is taken to be gone
REST_S = 0.2  # spent on what still lies in the pipe of a job that has ended
PIECE = 64 << 10


@dataclass(frozen=True)
class Specification:
    """How to start a job, as its supervisor reads it: see `supervise.become`. words: absolute program first.
    fds: descriptors it inherits, as 3, 4 and so on; kept: those that only its supervisor holds. reusable: it
    carries out several jobs; see `supervise`.
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
    reusable: bool = False

    def as_dict(self) -> dict[str, Any]:
        names = ("words", "environment", "cwd", "folder", "rlimits", "uid", "gid", "umask")
        own = {name: getattr(self, name) for name in names}
        own |= {"sandboxed": self.sandboxed, "reusable": self.reusable}
        more = {
            "kept": len(self.kept),
            "grace_s": GRACE_S,
            "nice": os.getpriority(os.PRIO_PROCESS, 0) + NICER,
        }
        return {**own, **more, "watched": self.limits.watched()}


class RunningProcess:
    """ended: what its supervisor told of its end, empty until then. fault: why there was no such word.
    files: what it told last of the files that the job writes.
    """

    def __init__(self, job: Specification) -> None:
        """Raises OSError when it cannot be asked for."""
        self.job = job
        self.ended: dict[str, Any] = {}
        self.fault = ""
        self.files = ""
        self.messages = b""
        self.lost_at = float("inf")
        read_end, write_end = os.pipe()
        self.pipe = os.fdopen(read_end, "rb", buffering=0)
        os.set_blocking(read_end, False)
        try:
            self.channel = spawn.request(job.as_dict(), job.stdin.fileno(), write_end, [*job.fds, *job.kept])
        except BaseException:
            self.pipe.close()
            raise
        finally:
            os.close(write_end)

    def close(self) -> None:
        self.pipe.close()
        self.channel.close()

    def read(self) -> bytes | None:
        """A piece of its output; empty when there is no more to come, None when nothing is there now."""
        try:
            return os.read(self.pipe.fileno(), PIECE)
        except BlockingIOError:
            return None

    def rest_of_output(self) -> Iterator[bytes]:
        """What still lies in the pipe of a process that has ended."""
        deadline = time.monotonic() + REST_S
        while time.monotonic() < deadline and (piece := self.read()):
            yield piece

    def end(self, *, at_once: bool = False) -> None:
        """Ask it to end, and kill it when it does not; or kill it at once."""
        self.lost_at = time.monotonic() + GRACE_S + LOST_S
        with contextlib.suppress(OSError):
            self.channel.send(KILL if at_once else END)

    def look(self) -> None:
        """Do without its supervisor if that should have ended it by now."""
        if time.monotonic() > self.lost_at and not self.ended:
            self._do_without_supervisor()

    def read_messages(self) -> None:
        """Messages of the supervisor. Raises OSError when it could not start the job."""
        try:
            piece = self.channel.recv(PIECE)
        except OSError:
            piece = b""
        *lines, self.messages = (self.messages + piece).split(b"\n")
        for message in map(json.loads, lines):
            if "error" in message:
                raise OSError(message["errno"], message["error"])
            self.files = message.get("files", self.files)
            if "ended" in message:
                self.ended = message
        if not piece and not self.ended:
            self.fault = "its supervisor was killed"
            self._do_without_supervisor()

    def _do_without_supervisor(self) -> None:
        """The spawner ends the job; what has its uid ends before another job can get that."""
        self.ended = {"ended": -signal.SIGKILL}
        if self.job.uid:
            linux.kill_user(self.job.uid)
