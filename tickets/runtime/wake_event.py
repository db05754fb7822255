"""An event that threads and signal handlers can set. The lock of threading.Event would deadlock in a
handler.
"""

from __future__ import annotations

import contextlib
import os
import select


class WakeEvent:
    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        os.set_blocking(self.write_fd, False)

    def set(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is already set
            os.write(self.write_fd, b"!")

    def wait(self, timeout: float) -> None:
        """Wait until it is set, or return at once if it was set since the last wait."""
        if select.select([self.read_fd], [], [], max(0.0, timeout))[0]:
            os.read(self.read_fd, 1 << 16)
