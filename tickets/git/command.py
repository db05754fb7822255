"""Running git: nothing of this machine's or anybody's configuration, no hooks, no prompts, bounded in time,
memory and what it may write.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from agents.executors.job_user import SYSTEM_PATH
from omoi_site.setup import git_version
from tickets.git.faults import Unreadable

log = logging.getLogger(__name__)

MEMORY = 2 << 30
KEPT = 16 << 10  # bytes of what git says about a failure
LOOK_S = 0.1  # between two looks at what it has written
# Whatever is configured on this machine: for our git these count, since they come last.
SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.commitGraph": "false",
    "core.bigFileThreshold": "8m",
    "core.deltaBaseCacheLimit": "64m",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "512m",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "2",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",
    "transfer.bundleURI": "false",
    "http.followRedirects": "false",
    "http.proxy": "",
    "http.cookieFile": "",
}
ENVIRONMENT = {
    "PATH": SYSTEM_PATH,
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}


@dataclass(frozen=True)
class Bounds:
    """seconds: until it is killed. file_bytes: that it may write into one file. descriptors: that it
    inherits. exceeded: asked again and again while it runs; True ends it.
    """

    seconds: float
    file_bytes: int = 0
    descriptors: Sequence[int] = ()
    exceeded: Callable[[], bool] | None = None


@dataclass
class Ended:
    """How a git ended: its status, the end of its output, and whether its time was up."""

    status: int = -1
    output: str = ""
    late: bool = False


@dataclass(frozen=True)
class Running:
    """A git that runs, with its pipes."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]


@dataclass(frozen=True)
class Git:
    """folder: the bare repository it works in. settings, environment: more of them, for this one."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def running(self, *words: str, bounds: Bounds, errors: int = subprocess.DEVNULL) -> Iterator[Running]:
        """Git, running with pipes; killed with all its children at the end of the block, or when it exceeds
        its bounds: then its output ends. Raises Unreadable where there is no git.
        """
        program = _program()
        settings = {**SETTINGS, **self.settings}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            [*_bounded(bounds), program, *options, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**ENVIRONMENT, "GIT_DIR": str(self.folder), **self.environment},
            cwd="/",
            start_new_session=True,
            pass_fds=bounds.descriptors,
        )
        over = threading.Event()
        threading.Thread(target=_watch, args=[process, bounds, over], name="git", daemon=True).start()
        try:
            yield Running(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))
        finally:
            over.set()
            _end(process)
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(OSError):
                    pipe.close()

    def run(self, *words: str, bounds: Bounds) -> Ended:
        """Run it to its end. The end of its output is kept: there git says why it failed."""
        ended = Ended()
        with self.running(*words, bounds=bounds, errors=subprocess.STDOUT) as git:
            git.stdin.close()
            ended.output = _drain(git.stdout.fileno(), KEPT).decode("utf-8", "replace")
            ended.status = git.process.wait()
            ended.late = ended.status == -signal.SIGKILL
        return ended

    def ask(self, *words: str, bounds: Bounds, most: int = KEPT) -> tuple[int, bytes]:
        """Its status and its output, of which there may be `most` bytes. Raises Unreadable when it takes too
        long or says more.
        """
        with self.running(*words, bounds=bounds) as git:
            git.stdin.close()
            output = git.stdout.read(most + 1)
            if len(output) > most:
                raise Unreadable("the answer of git is longer than Omoi reads")
            status = git.process.wait()
        if status == -signal.SIGKILL:
            raise Unreadable(f"git did not answer within {bounds.seconds:.0f} s")
        return status, output


@functools.cache
def _program() -> str:
    """Where git is. Raises Unreadable where there is none, or one that cannot be held to the addresses that
    were checked.
    """
    program = shutil.which("git", path=SYSTEM_PATH)
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout if program else ""
    if program and git_version.keeps_mirrors(version):
        return program
    raise Unreadable(
        f"this machine has {version.strip() or 'no git'}, which cannot keep mirrors of repositories",
        next_action="Install git 2.37 or newer.",
    )


def _bounded(bounds: Bounds) -> list[str]:
    """The words before git that hold its limits, and end it when the thread that started it is gone. Where a
    program is missing, as on macOS, that limit is missing.
    """
    words = []
    if limit := shutil.which("prlimit", path=SYSTEM_PATH):
        files = [f"--fsize={bounds.file_bytes}"] if bounds.file_bytes else []
        words += [limit, f"--as={MEMORY}", "--core=0", *files, "--"]
    if parent := shutil.which("setpriv", path=SYSTEM_PATH):
        words += [parent, "--pdeathsig", "KILL", "--"]
    return words


def _drain(source: int, kept: int) -> bytes:
    """Read until the end, and keep the last bytes."""
    last = b""
    while piece := os.read(source, 64 << 10):
        last = (last + piece)[-kept:]
    return last


def _watch(process: subprocess.Popen[bytes], bounds: Bounds, over: threading.Event) -> None:
    """End it when its time is up, or when it exceeds its bounds or nobody can say whether it does, unless it
    is over before.
    """
    until, pause = time.monotonic() + bounds.seconds, LOOK_S
    while (left := until - time.monotonic()) > 0:
        if over.wait(min(left, pause) if bounds.exceeded else left):
            return
        if bounds.exceeded:
            began = time.monotonic()
            try:
                if bounds.exceeded():
                    break
            except Exception:
                log.exception("a git is ended, because its bounds cannot be looked at")
                break
            pause = max(LOOK_S, 5 * (time.monotonic() - began))  # so looking takes a sixth of a core at most
    _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with all it started, which may outlive it; they have its session. Its number is its own until
    somebody has waited for it.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
