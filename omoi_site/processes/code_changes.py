"""Which file of the code was changed, for who works on it.

Templates and static files are none: they are read anew each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omoi_site.processes.child_process import ROOT

FOLDERS = ("omoi_site", "agents", "tickets", "collaboration")
KINDS = {".py", ".sql", ".yaml", ".json"}


class CodeChanges:
    """Called, it names a file that was changed, made or removed since the last call; empty when none was."""

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
                except FileNotFoundError:  # an editor writes beside it and renames
                    continue
                yield str(path.relative_to(self.root)), (stat.st_mtime_ns, stat.st_size)
