"""The supervisor of one job: starts it, watches its limits, and ends it with all its descendants.

It is a subreaper: a descendant that has left its group, its session and its parent is still a child of the
supervisor in the end. In a sandbox all of them also end with the sandbox's first process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import time
from typing import Any, NoReturn

from agents.executors.supervisor import linux
from agents.executors.supervisor.usage import Watch

LOOK_S = 0.005  # how often to look while the last processes end
FASTER = 5  # in priority than its job, to see and end what floods the machine
END, KILL = b"e", b"k"
CHANNEL = 3  # where our socket is among the descriptors that come with a request
ABOVE = 64  # descriptors are moved there before each gets the number it is to have
RESTORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)


def supervise(fds: list[int]) -> int:
    """fds: the job's specification, its standard input, its output, our socket, what it inherits as 3, 4 and
    so on, and what we keep open until it has ended: of a reusable process the last is a file with the number
    of the job it carries out.

    Says `started` on the socket or an `error`, `files` when it has written to any, and in the end `ended`:
    the code as subprocess has it, and the limit that was exceeded. Reads END (ask it first) or KILL; the end
    of the socket means END.
    """
    specification, stdin, stdout, channel, *inherited = fds
    with os.fdopen(specification) as file:
        job = json.load(file)
    own = len(inherited) - job["kept"]
    numbers = inherited[-1] if job["reusable"] else None
    return Supervisor(job, socket.socket(fileno=channel), numbers).run(stdin, stdout, inherited[:own])


class Supervisor:
    def __init__(self, job: dict[str, Any], channel: socket.socket, numbers: int | None = None) -> None:
        self.job, self.channel, self.numbers = job, channel, numbers
        self.leader = 0
        self.status: int | None = None  # of the leader, once it has ended
        self.orphaned = False  # the spawner is gone

    def run(self, stdin: int, stdout: int, inherited: list[int]) -> int:
        os.setsid()
        with contextlib.suppress(OSError):  # only root may
            os.setpriority(os.PRIO_PROCESS, 0, self.job["nice"] - FASTER)
        ended, wake = os.pipe()
        for fd in (ended, wake):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGTERM, self.lose_parent)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        linux.become_subreaper()
        linux.die_with_parent(signal.SIGTERM)
        try:
            self.leader = start(self.job, [stdin, stdout, stdout, *inherited])
        except OSError as error:
            say_error(self.channel, error)
            return 1
        for fd in (stdin, stdout, *inherited):
            os.close(fd)
        say(self.channel, started=self.leader)
        exceeded = self.follow(ended)
        self.end_all()
        say(self.channel, ended=returncode(self.status, in_sandbox=self.job["sandboxed"]), exceeded=exceeded)
        return 0

    def follow(self, ended: int) -> str:
        """Until the leader has ended or must be killed; the limit it exceeded, if it did."""
        watch = Watch(self.leader, self.job["watched"], self.job["folder"], self.number)
        give_up = float("inf")
        listening: list[Any] = [ended, self.channel]
        while True:
            patience = max(0.0, min(watch.due, give_up) - time.monotonic())
            readable, _, _ = select.select(listening, [], [], patience)
            if ended in readable:
                os.read(ended, 4096)
            self.reap()
            if self.status is not None or time.monotonic() >= give_up:
                return ""
            if self.channel in readable or self.orphaned:
                heard = self.heard()
                if KILL in heard:
                    return ""
                if give_up == float("inf"):
                    give_up = time.monotonic() + self.job["grace_s"]
                    self.ask_to_end()
                if not heard:
                    listening = [ended]
            if exceeded := watch.exceeded():
                return exceeded
            if writes := watch.new_writes():
                say(self.channel, files=writes)

    def number(self) -> bytes:
        """Of the job that a reusable process carries out now."""
        return os.pread(self.numbers, 8, 0) if self.numbers is not None else b""

    def heard(self) -> bytes:
        try:
            return self.channel.recv(100) if not self.orphaned else b""
        except OSError:
            return b""

    def ask_to_end(self) -> None:
        for pid in linux.descendants(self.leader) if self.job["sandboxed"] else self.tree():
            linux.kill(pid, signal.SIGTERM)

    def tree(self) -> list[int]:
        return list(linux.descendants(os.getpid())) or [self.leader]

    def end_all(self) -> None:
        """Every descendant, until there is none."""
        while self.reap():
            if self.job["uid"]:
                linux.kill_user(self.job["uid"])
            linux.kill_tree(linux.children(os.getpid()) or ([self.leader] if self.status is None else []))
            time.sleep(LOOK_S if self.reap() else 0)

    def reap(self) -> bool:
        """Whether there are children left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.leader:
                    self.status = status
        except ChildProcessError:
            return False

    def lose_parent(self, *_: Any) -> None:
        self.orphaned = True


def say(channel: socket.socket, **words: Any) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        channel.sendall(json.dumps(words).encode() + b"\n")


def say_error(channel: socket.socket, error: OSError) -> None:
    """The job could not be started."""
    say(channel, error=error.strerror or str(error), errno=error.errno or 0)


def start(job: dict[str, Any], fds: list[int]) -> int:
    """The pid of the job's first process; raises OSError when it cannot be run."""
    broken, breaks = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(broken)
        become(job, fds, breaks)
    os.close(breaks)
    with os.fdopen(broken) as file:
        error = file.read()
    if error:
        os.waitpid(pid, 0)
        raise OSError(int(error), os.strerror(int(error)))
    return pid


def become(job: dict[str, Any], fds: list[int], breaks: int) -> NoReturn:
    """In the child: become the job."""
    try:
        signal.set_wakeup_fd(-1)
        for restored in RESTORED:
            signal.signal(restored, signal.SIG_DFL)
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, job["nice"])
        moved = [move_above(fd) for fd in fds]
        breaks = move_above(breaks)
        for number, fd in enumerate(moved):
            os.dup2(fd, number)
        os.chdir(job["cwd"])
        os.umask(job["umask"])
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # where memory is short, a job goes before the server
        for name, value in job["rlimits"].items():
            limit(getattr(resource, name), value)
        if job["uid"] and not job["sandboxed"]:
            os.setgroups([])
            os.setgid(job["gid"])
            os.setuid(job["uid"])
        if not job["sandboxed"]:  # the sandbox does the same by itself, and may need its own set-uid bit
            linux.no_new_privileges()
        linux.die_with_parent(signal.SIGKILL)
        os.execve(job["words"][0], job["words"], job["environment"])
    except (OSError, ValueError) as error:  # ValueError: a word or a variable that no program can be given
        reason = error.errno if isinstance(error, OSError) else None
        os.write(breaks, str(reason or errno.EINVAL).encode())
    finally:
        os._exit(127)


def move_above(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ABOVE)


def limit(which: int, value: int) -> None:
    """Both limits; an ordinary user cannot raise what was set for them, nor can root in most containers."""
    try:
        resource.setrlimit(which, (value, value))
    except ValueError:
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (hard, hard))


def returncode(status: int | None, *, in_sandbox: bool) -> int:
    """As subprocess has it, negative for a signal; a sandbox tells of one as shells do, by 128 and more."""
    code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
    if in_sandbox and code > 128 and code - 128 in set(signal.Signals):
        return 128 - code
    return code
