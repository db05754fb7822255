"""The progress of an installation: one changing line on a terminal, elsewhere a line every few seconds. It
uses only the standard library.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

EVERY_S = 3.0
FOUND = re.compile(r"\s*(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
LOADING = re.compile(r"\s*Downloading (\S+?)-\d\S* \(([^)]+)\)")


class Progress:
    """Writes to `out` without flooding it."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.live = out.isatty()
        self.last = time.monotonic()

    def stage(self, sentence: str) -> None:
        """A new part of the work begins."""
        self._write(f"\r\x1b[K{sentence}.\n" if self.live else f"{sentence}.\n")

    def step(self, text: str) -> None:
        """Show the progress: at once on a terminal, elsewhere at most every few seconds."""
        if self.live:
            self._write(f"\r\x1b[K  {text}")
        elif time.monotonic() - self.last >= EVERY_S:
            self._write(f"  {text}\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
        self.last = time.monotonic()


def follow(
    words: Sequence[str | Path], log: Path, say: Progress, *, installed: Callable[[], int], keep: int
) -> int:
    """Run pip, write its output to `log`, show its progress. Returns its exit status.

    installed: returns how many packages are there now, for the part where pip prints nothing;
    keep: a file descriptor that pip holds open too, so that the lock lasts as long as pip, even if we are
    killed.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0"}
    with (
        log.open("w") as paper,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            pass_fds=(keep,),
        ) as pip,
    ):
        threading.Thread(target=_read, args=(pip.stdout, lines), daemon=True).start()
        began, packages, doing, total, before = time.monotonic(), 0, "asking for packages", 0, 0
        while True:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                line = ""
            if line is None:
                return pip.wait()
            paper.write(line)
            paper.flush()
            if match := FOUND.match(line):
                packages, doing = packages + 1, f"looking at {match[1]}"
            elif match := LOADING.match(line):
                doing = f"loading {match[1]} ({match[2]})"
            elif line.startswith("Installing collected packages:"):
                total, before = line.count(",") + 1, installed()
            spent = f"{time.monotonic() - began:.0f} s"
            say.step(
                f"{installed() - before} of {total} packages installed, {spent}"
                if total
                else f"{packages} packages found, {doing}, {spent}"
            )


def _read(pipe: TextIO, lines: queue.SimpleQueue[str | None]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(None)
