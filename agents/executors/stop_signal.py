"""How a job is stopped from another thread."""

from __future__ import annotations

import os
import threading
import time

SPARED_S = 10.0


class Stop:
    """Requested once, with a reason; requests itself when `until` passes and nobody has moved that on."""

    def __init__(self) -> None:
        self.until = float("inf")  # of time.monotonic(): past it the claim may have lapsed
        self._reason = ""
        self._lock = threading.Lock()
        self.read_fd, self._write_fd = os.pipe()

    @property
    def reason(self) -> str:
        """Why to stop now; empty: go on."""
        if not self._reason and time.monotonic() > self.until:
            self._reason = "the lease could not be renewed in time"
        return self._reason

    def spare(self) -> None:
        """The machine stood still: the claim's holder gets `SPARED_S` to renew it."""
        self.until = max(self.until, time.monotonic() + SPARED_S)

    def request(self, reason: str) -> None:
        with self._lock:
            if not self._reason:
                self._reason = reason
                if self._write_fd >= 0:
                    os.write(self._write_fd, b"!")

    def close(self) -> None:
        with self._lock:
            if self._write_fd >= 0:
                os.close(self.read_fd)
                os.close(self._write_fd)
                self._write_fd = -1
