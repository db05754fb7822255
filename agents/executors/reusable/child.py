"""What a reusable process runs: one call after the other. Before each it puts back what a job can have
changed.

The calls are carried out by a child of this process, so that a fresh one costs a fork and no start of Python:
this process itself runs none of them, and ends when its child does. It stands alone: the standard library,
and nothing of ours. Descriptor 3 is the socket of the calls. Each is a message of eight bytes, its number,
and JSON, or a file with the JSON when that is long. The first message holds what all calls have in common.
Answers go to the output, each behind a mark that only both sides know.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False  # typing is not imported for it
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Stamp = tuple[int, int, int]

CALLS_FD, ANSWERS_FD = 3, 4
LONGEST_MESSAGE = 16 << 10
ANSWER = "<QQHI"  # number of the call, size of the value, length of the text that follows, of the value
NOT_BEGUN = "this process could not be put in order for the next job"
USED_UP = b"!"
PR_SET_CHILD_SUBREAPER = 36
TICK_NS = 50_000_000  # times of files are only as exact as the kernel's tick
SIGNALS = [
    number
    for name in ("TERM", "INT", "HUP", "QUIT", "PIPE", "ALRM", "USR1", "USR2", "CHLD")
    if (number := getattr(signal, f"SIG{name}", None))
]


def main() -> None:
    calls = socket.socket(fileno=CALLS_FD)
    os.set_inheritable(CALLS_FD, False)
    os.dup2(1, ANSWERS_FD, inheritable=False)
    first = receive(calls)
    if not first:
        return
    common = first[1]
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is the job that is asked to end
    while True:
        used_up, uses_up = os.pipe()
        if pid := os.fork():
            os.close(uses_up)
            status = os.waitpid(pid, 0)[1]
            os.set_blocking(used_up, False)  # what a job left may hold the other end
            with contextlib.suppress(BlockingIOError):
                if os.read(used_up, 1) == USED_UP:
                    os.close(used_up)
                    continue
            end_like(status)
        else:
            os.close(used_up)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # waitpid sees all descendants then
            serve(calls, common)
            os.write(uses_up, USED_UP)
            os._exit(0)


def end_like(status: int) -> NoReturn:
    """End as the child did."""
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def serve(calls: socket.socket, common: dict[str, Any]) -> None:
    """Carry out as many calls as one process may."""
    state = State(common)
    for _ in range(common["most"]):
        if not (received := receive(calls)):
            os._exit(0)
        number, call = received
        try:
            state.restore(call["environment"])
        except (OSError, RecursionError) as error:
            answer(common, number, None, f"{NOT_BEGUN}: {error}")
        value = run(call, common["folders"], state.pid)
        answer(common, number, value, state.remains())


def receive(calls: socket.socket) -> tuple[int, dict[str, Any]] | None:
    """The next call and its number; None when there will be no more."""
    message, fds, _, _ = socket.recv_fds(calls, LONGEST_MESSAGE, 1)
    if not message:
        return None
    text = message[8:]
    for fd in fds:
        with os.fdopen(fd, "rb") as file:
            text = file.read()
    return struct.unpack_from("<Q", message)[0], json.loads(text)


def run(call: dict[str, Any], folders: list[str], pid: int) -> object:
    """What the callable returns. When it raises, this process ends like one that runs a single job."""
    sys.path[:0] = folders
    try:
        module, _, name = call["callable"].rpartition(".")
        function = getattr(importlib.import_module(module), name)
        return function(call["brief"], **call["slots"])
    finally:
        if os.getpid() != pid:  # a job forked, and its child came back here
            os._exit(1)


def answer(common: dict[str, Any], number: int, value: object, remains: str) -> None:
    text = json.dumps(value, default=str).encode()
    size = len(text)
    if size > common["longest"]:
        text, remains = b"null", remains or "too long a value"
    head = struct.pack(ANSWER, number, size, len(remains), len(text))
    left = memoryview(common["mark"].encode() + head + remains.encode() + text)
    while left:
        left = left[os.write(ANSWERS_FD, left) :]
    if remains:
        os._exit(0)  # what remains ends with this process


class State:
    """What a job finds: noted before the first one, and put back before each."""

    def __init__(self, common: dict[str, Any]) -> None:
        self.pid = os.getpid()
        self.work = common["work"]
        self.emptied = common["emptied"]  # folders
        self.kept = common["kept"]  # files with their texts
        self.stamps: dict[str, list[Stamp]] = {}  # of the folders that nobody has changed
        self.cleared: dict[str, int | None] = dict.fromkeys(common["cleared"])  # shared with other users
        self.environ = os.environ, os.environb
        self.environment = dict(os.environb)
        self.path = list(sys.path)
        self.streams = sys.stdin, sys.stdout, sys.stderr
        self.handlers = {number: signal.getsignal(number) for number in SIGNALS}
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        self.priority = os.getpriority(os.PRIO_PROCESS, 0)
        self.umask = os.umask(0o077)
        self.outputs = [os.fstat(fd).st_ino for fd in (1, 2)]
        self.mounts = mounts()
        self.staying = {folder: self.what_stays_in(folder) for folder in self.emptied}
        self.fds = open_files()
        self.threads = threads()

    def restore(self, environment: dict[str, str]) -> None:
        """For the next job, with these variables of its own. Raises OSError where that is not possible."""
        self.set_environment(environment)
        for folder in self.emptied:
            self.empty(folder)
        for folder, changed_ns in self.cleared.items():
            self.cleared[folder] = clear(folder, changed_ns, self.mounts)
        os.chdir(self.work)
        os.umask(self.umask)
        sys.path[:] = self.path
        for number, handler in self.handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def set_environment(self, more: dict[str, str]) -> None:
        os.environ, os.environb = self.environ
        wanted = self.environment | {os.fsencode(name): os.fsencode(more[name]) for name in more}
        for name in [name for name in os.environb if name not in wanted]:
            del os.environb[name]
        for name, value in wanted.items():
            if os.environb.get(name) != value:
                os.environb[name] = value

    def what_stays_in(self, folder: str) -> list[str]:
        """The folder itself, the files that are kept, and the folders above something mounted."""
        inside = f"{folder}/"
        above = {
            path[:end]
            for path in self.mounts
            if path.startswith(inside)
            for end in range(len(inside), len(path))
            if path[end] == "/"
        }
        return [folder, *(path for path in self.kept if path.startswith(inside)), *above]

    def empty(self, folder: str) -> None:
        """Skipped while nobody changes what stays in it."""
        if self.stamps.get(folder) == [stamp(path) for path in self.staying[folder]]:
            return
        if os.lstat(folder).st_mode & 0o7777 != 0o700:
            os.chmod(folder, 0o700)  # which changes the stamp
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if path not in self.kept:
                remove(path, self.mounts)
        for path, text in self.kept.items():
            if path.startswith(f"{folder}/") and not holds(path, text):
                if os.path.lexists(path):
                    remove(path, self.mounts)
                with open(path, "w") as file:
                    file.write(text)
        before_ns = time.time_ns() - TICK_NS
        stamps = [stamp(path) for path in self.staying[folder]]
        self.stamps[folder] = stamps if max(stamps)[0] < before_ns else []

    def remains(self) -> str:
        """What the last job left that is not put back, in words; empty when there is nothing."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdin, sys.stdout, sys.stderr = self.streams
        for stream in self.streams[1:]:
            stream.flush()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            return "a process"
        if not self.fds:
            return "what cannot be seen here"
        if threads() != self.threads:
            return "a thread"
        if open_files() != self.fds:
            return "an open file"
        if [os.fstat(fd).st_ino for fd in (1, 2)] != self.outputs:
            return "another output"
        if os.getpriority(os.PRIO_PROCESS, 0) != self.priority:
            return "another priority"
        return ""


def open_files() -> set[str]:
    try:
        return set(os.listdir("/proc/self/fd"))
    except OSError:
        return set()


def threads() -> int:
    """A number that changes with the number of threads."""
    try:
        return os.stat("/proc/self/task").st_nlink
    except OSError:
        return 0


def stamp(path: str) -> Stamp:
    """It changes with the names in a folder, the content of a file, and who may use either."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0, 0
    return found.st_ctime_ns, found.st_ino, found.st_mode


def holds(path: str, text: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(fd, len(text) + 1) == text.encode()
    except OSError:
        return False
    finally:
        os.close(fd)


def clear(folder: str, changed_ns: int | None, mounts: list[str]) -> int | None:
    """Remove what belongs to our user; skipped while nobody changes the folder. Returns when it was changed,
    if that is long enough ago to show the next change.
    """
    now_ns, before_ns = time.time_ns(), os.stat(folder).st_mtime_ns
    if before_ns != changed_ns:
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_uid == os.getuid():
                    remove(entry.path, mounts)
    return before_ns if now_ns - before_ns > TICK_NS else None


def mounts() -> list[str]:
    """Where something is mounted: what a sandbox brought into a folder of the job stays there."""
    try:
        with open("/proc/self/mountinfo") as file:
            return [line.split()[4] for line in file]
    except OSError:
        return []


def remove(path: str, mounts: list[str]) -> None:
    """Remove it with all in it; links are not followed. Raises OSError or RecursionError."""
    if path in mounts:
        return
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    holds_mount = any(mount.startswith(f"{path}/") for mount in mounts)
    if not holds_mount:
        os.chmod(path, 0o700)
    for name in os.listdir(path):
        remove(f"{path}/{name}", mounts)
    if not holds_mount:
        os.rmdir(path)


if __name__ == "__main__":
    main()
