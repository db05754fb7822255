"""Processes that tests start and that run until they are told to end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omoi_site.processes.parent_death import die_with_parent


def start(words: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """A process in a group of its own, killed with the process of the tests however that one ends."""
    return subprocess.Popen(words, preexec_fn=die_with_parent(signal.SIGKILL), **options)


@contextmanager
def running(words: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Such a process, killed at the end of the block if it still runs: a failed test waits for none."""
    with start(words, **options) as process:
        try:
            yield process
        finally:
            process.kill()
