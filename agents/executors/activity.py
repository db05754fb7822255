"""What shows that a job gets on, while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.executors.printed import Printed


@dataclass
class Activity:
    """Kept by the thread that carries the job out, for others to read.

    output: bytes that it has printed. files: what its supervisor saw last of the files that it writes.
    printed: what it has printed lately.
    """

    output: int = 0
    files: str = ""
    printed: Printed = field(default_factory=Printed)

    @property
    def mark(self) -> str:
        """Another one whenever it has printed, or changed a file."""
        return f"out={self.output} files={self.files}"
