"""Notices changed code files, for `dev`.

Templates and static files do not count: they are read anew each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omoi_site.processes.child_process import ROOT

FOLDERS = ("omoi_site", "agents", "tickets", "collaboration")
KINDS = {".py", ".sql", ".yaml", ".json"}


class CodeChanges:
    """A call returns a file that was changed, created or removed since the last call; empty if none was."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.seen = dict(self._files())

    def __call__(self) -> str:
        before, self.seen = self.seen, dict(self._files())
        changed = {name for name, _ in before.items() ^ self.seen.items()}
        return min(changed, default="")

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for folder in FOLDERS:
            for path in (self.root / folder).rglob("*"):
                if path.suffix not in KINDS:
                    continue
                try:
                    stat = path.stat()
                except FileNotFoundError:  # an editor writes a new file and renames it
                    continue
                yield str(path.relative_to(self.root)), (stat.st_mtime_ns, stat.st_size)
