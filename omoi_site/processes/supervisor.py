"""The supervisor starts PostgreSQL and the roles in order, restarts those that die, and stops them in order.

It has one thread. A signal, a child's death and a child's report wake it; it does not poll.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from omoi_site.database.binaries import NoServer
from omoi_site.database.embedded import Server
from omoi_site.processes import running_server
from omoi_site.processes.child_process import Child
from omoi_site.processes.signal_socket import signal_socket

HURRIED_S = 2.0
LOOK_S = 0.5  # between two looks at the code, in development


@dataclass(eq=False)
class Supervisor:
    """One OMOI_HOME's processes."""

    home: Path
    url: str
    server: Server | None  # None with DATABASE_URL
    listener: socket.socket
    roles: list[Child]
    grace_s: float  # how long a role may take to stop
    prepare: Callable[[], None]  # called when the database answers, before the roles start
    welcome: Callable[[], None]  # called when every role has become ready for the first time
    say: Callable[[str], None]  # called with a sentence for each thing that happens
    changed: Callable[[], str] | None = None  # a code file changed since the last call, if any

    def __post_init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat()
        self.asked_to_end = 0
        self.starting = True
        self.welcomed = False
        self.server_due = 0.0
        self.server_pauses = 0

    def run(self) -> None:
        """Work until a signal to stop. Raises NoServer if the first start of PostgreSQL fails."""
        with signal_socket(self._on_signal) as wakeup:
            try:
                self._start()
                self.starting = False
                while not self.asked_to_end:
                    self._look_after()
                    self._wait(wakeup)
            finally:
                self._end(wakeup)

    def _start(self) -> None:
        if self.server:
            began = time.monotonic()
            try:
                self.server.start(given_up=lambda: self.asked_to_end > 0)
            except NoServer:
                if self.asked_to_end:
                    return
                raise
            self.say(f"PostgreSQL is ready ({time.monotonic() - began:.1f} s).")
            for sentence in self.server.news:
                self.say(sentence)
        if not self.asked_to_end:
            self.prepare()

    def _look_after(self) -> None:
        """Start children that are due; report those that died."""
        self._look_after_server()
        self._reload()
        changed = False
        for child in self.roles:
            if child.died():
                self.say(self._exit_report(child))
                changed = True
            if child.due is not None and child.due <= time.monotonic():
                child.start()
                changed = True
        if changed:
            self._note()
        if not self.welcomed and all(child.ready or child.over for child in self.roles):
            self.welcomed = True
            self.welcome()

    def _reload(self) -> None:
        """Stop the roles so that they start with the new code; one that waits for a restart starts now."""
        if self.changed is None or not (file := self.changed()):
            return
        roles = [child for child in self.roles if not child.once]
        self.say(f"{file} has changed: {', '.join(child.role for child in roles)} restart.")
        for child in roles:
            child.hurry()
            child.send(signal.SIGTERM)

    def _look_after_server(self) -> None:
        if (
            not self.server
            or (self.server.process and self.server.process.poll() is None)
            or time.monotonic() < self.server_due
        ):
            return
        self.say("PostgreSQL has stopped unexpectedly. Restarting it.")
        try:
            self.server.start(given_up=lambda: self.asked_to_end > 0)
            self.server_pauses = 0
            self.say("PostgreSQL runs again.")
        except NoServer as refusal:
            pause = min(30.0, 2.0**self.server_pauses)
            self.server_pauses, self.server_due = self.server_pauses + 1, time.monotonic() + pause
            self.say(f"{refusal}\nThe next try is in {pause:.0f} s.")

    def _exit_report(self, child: Child) -> str:
        if child.over:
            done = child.process is not None and child.process.returncode == 0
            return (
                f"{child.role} has finished its work."
                if done
                else f"{child.role} {child.exit_text} and is not restarted:\n{child.log_tail()}"
            )
        pause = (child.due or 0.0) - time.monotonic()
        if pause <= 0:
            return f"{child.role} {child.exit_text}; restarted."
        return (
            f"{child.role} {child.exit_text} before it was ready; the next try is in {pause:.1f} s."
            f" The end of {child.log}:\n{child.log_tail()}"
        )

    def _note(self) -> None:
        children = {child.role: child.pid for child in self.roles if child.pid}
        try:
            running_server.write_server_file(
                self.home,
                {"url": self.url, "pid": os.getpid(), "children": children, "started_at": self.started_at},
            )
        except OSError as error:  # a full disk: commands cannot find this server, but its processes go on
            self.say(f"{self.home / 'server.json'} could not be written: {error.strerror}.")

    def _wait(self, wakeup: socket.socket) -> None:
        """Wait until something happens or is due."""
        dues = [child.due for child in self.roles if child.due is not None]
        if self.server and self.server.process and self.server.process.poll() is not None:
            dues.append(self.server_due)
        longest = LOOK_S if self.changed else 60.0
        patience = max(0.0, min([*dues, time.monotonic() + longest]) - time.monotonic())
        ready_fds = {child.ready_fd: child for child in self.roles if child.ready_fd is not None}
        readable, _, _ = select.select([wakeup.fileno(), *ready_fds], [], [], patience)
        with contextlib.suppress(BlockingIOError):
            wakeup.recv(4096)
        for fd in set(readable) & set(ready_fds):
            ready_fds[fd].read_ready()

    def _end(self, wakeup: socket.socket) -> None:
        """Stop the roles first, each with its grace, then PostgreSQL. A second signal shortens the grace."""
        self.listener.close()  # only our copy: the web process closes the port itself when it has drained
        for child in self.roles:
            child.send(signal.SIGTERM)
            child.due = None
        requests, deadline = self.asked_to_end, time.monotonic() + self.grace_s
        announced: list[str] = []
        while left := self._at_work():
            if left != announced:
                announced = left
                self.say(f"Waiting for {', '.join(announced)} to end.")
            if self.asked_to_end > requests:
                requests, deadline = self.asked_to_end, min(deadline, time.monotonic() + HURRIED_S)
                for child in self.roles:
                    child.send(signal.SIGTERM)
            if time.monotonic() > deadline:
                for child in self.roles:
                    child.kill()
            select.select([wakeup], [], [], min(1.0, max(0.05, deadline - time.monotonic())))
            with contextlib.suppress(BlockingIOError):
                wakeup.recv(4096)
        if self.server:
            self.say("Waiting for PostgreSQL to write its data to disk.")
            self.server.stop()
        running_server.remove_server_file(self.home)

    def _at_work(self) -> list[str]:
        """The roles whose processes still run."""
        return [
            child.role for child in self.roles if child.pid and child.process and child.process.poll() is None
        ]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_end += 1
        if self.asked_to_end == 1:
            self.say(
                f"Stopping. Running work has {self.grace_s:.0f} s to finish;"
                f" press Ctrl-C again to shorten this to {HURRIED_S:.0f} s."
            )
        elif self.starting:
            raise KeyboardInterrupt
