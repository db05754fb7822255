"""How a job is stopped from another thread."""

from __future__ import annotations

import contextlib
import os
import threading
import time

POSTPONED_S = 10.0


class Stop:
    """Requested once, with a reason; requests itself when `until` passes and nobody has moved that on."""

    def __init__(self) -> None:
        self.until = float("inf")  # of time.monotonic(): past it the claim may have lapsed
        self._reason = ""
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None
        self._notified_fd = -1  # a descriptor of somebody who waits for several

    @property
    def reason(self) -> str:
        """Why to stop now; empty: go on."""
        if not self._reason and time.monotonic() > self.until:
            self._reason = "the lease could not be renewed in time"
        return self._reason

    @property
    def read_fd(self) -> int:
        """Readable once it is requested."""
        with self._lock:
            if not self._pipe:
                self._pipe = os.pipe()
                if self._reason:
                    os.write(self._pipe[1], b"!")
            return self._pipe[0]

    def notify(self, fd: int) -> None:
        """A request also writes to this descriptor, which must not block; -1: no more."""
        with self._lock:
            self._notified_fd = fd

    def postpone(self) -> None:
        """The machine stood still: the claim's holder gets `POSTPONED_S` to renew it."""
        self.until = max(self.until, time.monotonic() + POSTPONED_S)

    def request(self, reason: str) -> None:
        with self._lock:
            if self._reason:
                return
            self._reason = reason
            if self._pipe:
                os.write(self._pipe[1], b"!")
            if self._notified_fd >= 0:
                with contextlib.suppress(BlockingIOError):  # full: they will look all the same
                    os.write(self._notified_fd, b"!")

    def close(self) -> None:
        with self._lock:
            self._notified_fd = -1
            if self._pipe:
                for fd in self._pipe:
                    os.close(fd)
                self._pipe = None
