"""A bell that threads and signal handlers can ring: an Event's lock would deadlock in a handler."""

from __future__ import annotations

import contextlib
import os
import select


class Bell:
    def __init__(self) -> None:
        self.ear, self.mouth = os.pipe()
        os.set_blocking(self.ear, False)
        os.set_blocking(self.mouth, False)

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it rings already
            os.write(self.mouth, b"!")

    def wait(self, timeout: float) -> None:
        """Until it is rung, or was rung since the last wait."""
        if select.select([self.ear], [], [], max(0.0, timeout))[0]:
            os.read(self.ear, 1 << 16)
