"""The spawner: starts a supervisor for each job the worker asks for, and outlives the worker by a moment.

A request is one byte with descriptors: see `supervise`. When the worker is gone, however it went, each
supervisor reads the end of its own socket and ends its job. Should a supervisor be killed, what it leaves
becomes a child of the spawner, and is ended here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from array import array
from typing import Any

from agents.executors.supervisor import linux
from agents.executors.supervisor.supervise import CHANNEL, say_error, supervise

MOST_FDS = 16
LOOK_S = 0.05


def main() -> None:
    spawner = Spawner(socket.socket(fileno=int(sys.argv[1])))
    spawner.serve()


class Spawner:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.supervisors: set[int] = set()

    def serve(self) -> None:
        """Until the worker is gone and every job has ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        ended, wake = os.pipe()
        for fd in (ended, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        linux.become_subreaper()
        gc.disable()  # a collection after a fork would copy every page
        served = True
        while served or self.supervisors:
            sources: list[Any] = [ended, self.control] if served else [ended]
            readable, _, _ = select.select(sources, [], [])
            if ended in readable:
                os.read(ended, 4096)
                self.reap()
            if self.control in readable:
                served = self.start_one()
        while linux.children(os.getpid()):
            self.reap()
            select.select([ended], [], [], LOOK_S)

    def start_one(self) -> bool:
        """False when there will be no more requests."""
        message, fds = receive(self.control)
        if not message:
            return False
        try:
            pid = os.fork()
        except OSError as error:  # too many processes for now; the jobs that run are not to end for that
            with contextlib.closing(socket.socket(fileno=fds[CHANNEL])) as channel:
                say_error(channel, error)
            for fd in fds[:CHANNEL] + fds[CHANNEL + 1 :]:
                os.close(fd)
            return True
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                self.control.close()
                status = supervise(fds)
            finally:
                os._exit(status)
        self.supervisors.add(pid)
        for fd in fds:
            os.close(fd)
        return True

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) > 0:
                self.supervisors.discard(pid)
        if strays := [pid for pid in linux.children(os.getpid()) if pid not in self.supervisors]:
            linux.kill_tree(strays)


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One byte and what came with it, not inherited by what we start."""
    room = socket.CMSG_LEN(MOST_FDS * array("i").itemsize)
    message, ancillary, _, _ = control.recvmsg(1, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    fds = array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return message, list(fds)


if __name__ == "__main__":
    main()
