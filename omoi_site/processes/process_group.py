"""Several processes of one role under one that is asked to stop for all."""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from omoi_site.errors import OmoiError
from omoi_site.processes.child_process import Child
from omoi_site.processes.signal_socket import signal_socket

log = logging.getLogger(__name__)


class NotStarted(OmoiError):
    """One of the processes ended before all were ready; its own message says why."""

    code = "not_started"
    title = "A process ended before it was ready"


class ProcessGroup:
    """Keeps the children running: one that dies is replaced. Each has `grace_s` to end when asked to."""

    def __init__(self, children: Sequence[Child], *, grace_s: float, ready: Callable[[], None]) -> None:
        self.children, self.grace_s, self.ready = children, grace_s, ready
        self.was_ready = False
        self.asked_to_end = 0

    def run(self) -> None:
        """Until a signal to stop. Raises NotStarted when one ends before all have been ready."""
        with signal_socket(self._on_signal) as wakeup:
            try:
                while not self.asked_to_end:
                    self._look_after()
                    self._wait(wakeup)
            finally:
                self._end(wakeup)

    def _look_after(self) -> None:
        for child in self.children:
            if child.died():
                if not self.was_ready:
                    raise NotStarted(f"{child.role} {child.exit_text} before it was ready")
                log.warning("%s %s; it is replaced", child.role, child.exit_text)
            if child.due is not None and child.due <= time.monotonic():
                child.start()
        if not self.was_ready and all(child.ready for child in self.children):
            self.was_ready = True
            self.ready()

    def _wait(self, wakeup: socket.socket) -> None:
        dues = [child.due for child in self.children if child.due is not None]
        patience = max(0.0, min([*dues, time.monotonic() + 60.0]) - time.monotonic())
        waiting = {child.ready_fd: child for child in self.children if child.ready_fd is not None}
        sources: list[Any] = [wakeup, *waiting]
        readable, _, _ = select.select(sources, [], [], patience)
        drain(wakeup)
        for fd, child in waiting.items():
            if fd in readable:
                child.read_ready()

    def _end(self, wakeup: socket.socket) -> None:
        """Ask all to end; every further signal is passed on."""
        deadline, passed_on = time.monotonic() + self.grace_s, 0
        while any(child.pid and child.process and child.process.poll() is None for child in self.children):
            if passed_on < max(1, self.asked_to_end):
                passed_on += 1
                for child in self.children:
                    child.send(signal.SIGTERM)
            if time.monotonic() > deadline:
                for child in self.children:
                    child.kill()
            select.select([wakeup], [], [], 0.5)
            drain(wakeup)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_end += 1


def drain(wakeup: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        wakeup.recv(4096)
